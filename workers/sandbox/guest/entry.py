"""A guest's first act: build the walls, prove that they stand, and report."""

import json
from typing import BinaryIO

from workers.sandbox.guest.confine import confine
from workers.sandbox.guest.frames import Frame, FrameKind
from workers.sandbox.guest.orders import read_confinement
from workers.sandbox.guest.proof import open_walls


def enter(orders: BinaryIO, answers: BinaryIO) -> bool:
    """Confine this process as ordered and send CONFINED; whether every wall stands. Without that nothing untrusted is opened."""
    walls = read_confinement(orders)
    try:
        used = confine(walls)
        found = open_walls(walls)
    except OSError as exc:
        used, found = {}, {"walls": str(exc)}
    send(answers, Frame(FrameKind.CONFINED, payload=json.dumps({"used": used, "open": found}).encode()))
    return not found


def send(answers: BinaryIO, frame: Frame) -> None:
    """Write one frame, at once."""
    answers.write(frame.encode())
    answers.flush()
