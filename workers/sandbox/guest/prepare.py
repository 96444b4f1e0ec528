"""A file guest's second act, within its walls: import what reads the file, before the file is opened."""

from collections.abc import Callable
from typing import BinaryIO, TypeVar

from workers.sandbox.guest.confine import close_memory
from workers.sandbox.guest.frames import Frame, FrameKind, reason, send
from workers.sandbox.guest.orders import Confinement

Tool = TypeVar("Tool")


def prepared(prepare: Callable[[], Tool], walls: Confinement, answers: BinaryIO) -> Tool | None:
    """What `prepare` imports, once the memory is bounded and PREPARED is said.

    None where a library is missing, or lies where no guest may read: NOT_PREPARED has said which, and the host is to blame.
    """
    try:
        tool = prepare()
    except (ImportError, OSError) as exc:
        send(answers, Frame(FrameKind.NOT_PREPARED, payload=reason(f"{type(exc).__name__}: {exc}")))
        return None
    close_memory(walls)
    send(answers, Frame(FrameKind.PREPARED))
    return tool
