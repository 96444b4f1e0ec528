"""A process's own wall clock, moved while it runs: the seconds stand in a file, which is read whenever the time is asked for."""

import datetime as module
import sys
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

_true_time, _true_time_ns = time.time, time.time_ns
_MOVED = ("workers.", "voice_api.", "scoring.", "rq.")
"""Whose modules may have taken `datetime` by name already."""


def move(file: Path) -> None:
    """From now on this process's wall clock is off by what the file says (nothing, while there is none)."""

    def off() -> float:
        try:
            return float(file.read_text() or 0)
        except FileNotFoundError:
            return 0.0

    class Kind(type):
        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, datetime)

    class Moved(datetime, metaclass=Kind):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=off())  # as the caller asked

    time.time = lambda: _true_time() + off()
    time.time_ns = lambda: _true_time_ns() + int(off() * 10**9)
    for name, loaded in list(sys.modules.items()):
        if name.startswith(_MOVED) and getattr(loaded, "datetime", None) is datetime:
            loaded.datetime = Moved  # type: ignore[attr-defined]
    module.datetime = Moved  # type: ignore[misc]
