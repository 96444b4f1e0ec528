"""`python -I -m workers.sandbox.guest.convert ORDERS ANSWERS`: turns one pickled checkpoint into safetensors inside the walls, and ends.

Started by `workers.sandbox.convert_checkpoint`, never by hand. An exception that is not foreseen here ends the process, which is an
answer too.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from scoring.errors import InfrastructureFault
from workers.sandbox.guest.confine import enter
from workers.sandbox.guest.frames import Frame, FrameKind, reason, send
from workers.sandbox.guest.orders import CheckpointTask, read_checkpoint_task
from workers.sandbox.guest.prepare import prepared

Convert = Callable[[Path, Path], None]
"""A checkpoint → a new file of safetensors; raises InfrastructureFault for what is no checkpoint."""


def converter() -> Convert:
    """The project's own converter; importing it (and torch) opens no file of a stranger."""
    from scoring.model.checkpoint import convert

    return convert


def serve(orders: BinaryIO, answers: BinaryIO, prepare: Callable[[], Convert] = converter) -> None:
    """Convert the one file that is ordered: PREPARED, then LOADED, or NOT_LOADED with the reason, or OUT_OF_MEMORY; NOT_PREPARED alone."""
    walls = enter(orders, answers)
    task = read_checkpoint_task(orders) if walls else None
    if walls is None or task is None:
        return
    convert = prepared(prepare, walls, answers)
    if convert is None:
        return
    send(answers, _convert(convert, task))


def _convert(convert: Convert, task: CheckpointTask) -> Frame:
    try:
        convert(Path(task.path), Path(task.target))
    except InfrastructureFault as fault:
        return Frame(FrameKind.NOT_LOADED, payload=reason(fault.detail))
    except MemoryError:
        return Frame(FrameKind.OUT_OF_MEMORY)
    return Frame(FrameKind.LOADED)


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[1]), "rb") as source, os.fdopen(int(sys.argv[2]), "wb") as sink:
        serve(source, sink)
