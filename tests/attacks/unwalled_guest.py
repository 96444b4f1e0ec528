"""The self-test's guest without one of its walls, and without the proof that would tell: `unwalled_guest.py WALL ORDERS ANSWERS`."""

import os
import sys

from workers.sandbox.guest import confine, kernel, landlock, seccomp
from workers.sandbox.guest.serve import serve
from workers.sandbox.selftest.guest import adapter

WALLS = {
    "landlock": (landlock, "restrict", 0),
    "seccomp": (seccomp, "restrict", None),
    "capabilities": (kernel, "drop_capabilities", None),
}

if __name__ == "__main__":
    module, name, answer = WALLS[sys.argv[1]]
    vars(module)[name] = lambda *_, **__: answer
    vars(confine)["open_walls"] = lambda _walls: {}
    with os.fdopen(int(sys.argv[-2]), "rb") as orders, os.fdopen(int(sys.argv[-1]), "wb") as answers:
        serve(orders, answers, adapter)
