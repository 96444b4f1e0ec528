"""Runs a module as `python -m` would, and notes which modules of the product it enters; started by `benchmarks.structure` alone.

Usage: python walk_hook.py ROOT OUT MODULE [ARGUMENT …]. Each line of OUT is `<walk> <file>`, written when a file is first entered:
walk `process` is the whole process, `sample` what runs between the judging of a model's samples and the signature of the receipt.
What runs while a module is imported does not count.
"""

import os
import runpy
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

BEGIN = ("panel.py", "judge")
END = ("notary.py", "sign"), ("sign.py", "sign")
"""Where the walk of a sample begins, and where it ends: by file and function, in the old layout or the new one."""
_FOLDERS = ("neurons", "workers", "voice_api", "scoring", "prompts")


def hook(root: Path, out: TextIO) -> Callable[[FrameType, str, Any], None]:
    """A profile function that notes each file once a walk."""
    inside = tuple(f"{root}/{folder}/" for folder in _FOLDERS)
    seen: set[tuple[str, str]] = set()
    judging: set[int] = set()

    def profile(frame: FrameType, event: str, _argument: Any) -> None:
        code = frame.f_code
        if event not in ("call", "return") or not code.co_filename.startswith(inside):
            return
        name, thread = code.co_filename, threading.get_ident()
        place = (name.rpartition("/")[2], code.co_name)
        if event == "call":
            if place == BEGIN:
                judging.add(thread)
            for walk in ("process", "sample") if thread in judging else ("process",):
                if (walk, name) not in seen and not _importing(frame):
                    seen.add((walk, name))
                    out.write(f"{walk} {name.removeprefix(f'{root}/')}\n")
                    out.flush()
        elif place in END:
            judging.discard(thread)

    return profile


def _importing(frame: FrameType | None) -> bool:
    """Whether a module of the product is being imported; the program itself is none."""
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") != "__main__":
            return True
        frame = frame.f_back
    return False


def main() -> None:
    """Watch this process and its threads from here on."""
    root, out, module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as `python -m` does
    with Path(out, f"{os.getpid()}.walk").open("a", encoding="utf-8") as notes:
        profile = hook(Path(root), notes)
        threading.setprofile(profile)
        sys.setprofile(profile)
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        finally:
            sys.setprofile(None)


if __name__ == "__main__":
    main()
