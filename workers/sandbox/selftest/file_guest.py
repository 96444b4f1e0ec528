"""`python -I -m workers.sandbox.selftest.file_guest decode|convert ORDERS ANSWERS`: a hostile decoder or converter. It tries everything."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from scoring.errors import Code, InfrastructureFault, PlatformError
from workers.sandbox.guest import convert, decode
from workers.sandbox.selftest.attempt import Outcome, Target, attempt
from workers.sandbox.selftest.catalogue import ATTEMPTS

NOTHING = "nothing"
"""What it says where every attempt was refused; else the names of those that were not."""


def found(file: Path) -> str:
    """The names of the attempts that were possible and must not be."""
    target = Target(file.parent, file)
    tried = {name: attempt(one, target) for name, one in ATTEMPTS.items() if not one.remains}
    return ", ".join(name for name, one in tried.items() if one.outcome is Outcome.POSSIBLE) or NOTHING


def _decode(file: Path, _most_seconds: float) -> NoReturn:
    raise PlatformError(Code.AUDIO_INVALID, found(file))


def _convert(file: Path, _target: Path) -> NoReturn:
    raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, found(file))


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[-2]), "rb") as orders, os.fdopen(int(sys.argv[-1]), "wb") as answers:
        if sys.argv[1] == "decode":
            decode.serve(orders, answers, lambda: _decode)
        else:
            convert.serve(orders, answers, lambda: _convert)
