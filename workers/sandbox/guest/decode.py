"""`python -I -m workers.sandbox.guest.decode ORDERS ANSWERS`: turns one sound file into PCM inside the walls, and ends.

Started by `workers.sandbox.decode_upload`, never by hand. An exception that is not foreseen here ends the process, which is an answer too.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from scoring.errors import PlatformError
from workers.sandbox.guest.confine import enter
from workers.sandbox.guest.frames import Frame, FrameKind, reason, send
from workers.sandbox.guest.orders import FileTask, read_file_task
from workers.sandbox.guest.prepare import prepared

if TYPE_CHECKING:
    from scoring.audio.sound_file import Samples

Read = Callable[[Path, float], "tuple[Samples, int]"]
"""A file of at most so many seconds → mono float32 in [-1, 1] and its rate; raises PlatformError for what is no sound."""


def reader() -> Read:
    """The project's own reader; importing it (and the decoding library) opens no file of a stranger."""
    from scoring.audio.sound_file import read

    return read


def serve(orders: BinaryIO, answers: BinaryIO, prepare: Callable[[], Read] = reader) -> None:
    """Decode the one file that is ordered: PREPARED, then SAMPLE, or NOT_LOADED with the reason, or OUT_OF_MEMORY; NOT_PREPARED alone."""
    walls = enter(orders, answers)
    task = read_file_task(orders) if walls else None
    if walls is None or task is None:
        return
    read = prepared(prepare, walls, answers)
    if read is None:
        return
    send(answers, _decode(read, task))


def _decode(read: Read, task: FileTask) -> Frame:
    try:
        samples, rate = read(Path(task.path), task.max_seconds)
        return Frame(FrameKind.SAMPLE, rate, (samples * 32768.0).round().clip(-32768, 32767).astype("<i2").tobytes())
    except PlatformError as error:
        return Frame(FrameKind.NOT_LOADED, payload=reason(error.detail))
    except MemoryError:
        return Frame(FrameKind.OUT_OF_MEMORY)


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[1]), "rb") as source, os.fdopen(int(sys.argv[2]), "wb") as sink:
        serve(source, sink)
