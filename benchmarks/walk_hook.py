"""Runs a module as `python -m` would, and notes which modules of the product it enters; started by `benchmarks.structure` alone.

Each line of a file in the folder OUT, which is named after the first argument, is `<walk> <file>`, written when a file is first entered:
walk `process` is the whole process, `sample` what runs between the judging of a model's samples and the signature of the receipt, in that
thread and in those that the judges start. What runs while a module is imported does not count.
"""

import argparse
import os
import runpy
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

BEGIN = ("panel.py", "judge")
END = ("notary.py", "sign"), ("receipt_signer.py", "verdict")
"""The beginning of the walk of a sample, and its ends: by file and function, in the old layout or the new one."""
_FOLDERS = ("neurons", "workers", "voice_api", "scoring", "prompts")


class Notes:
    """A profile function that notes each file once a walk."""

    def __init__(self, root: Path, out: TextIO) -> None:
        self._root, self._out = f"{root}/", out
        self._inside = tuple(f"{root}/{folder}/" for folder in _FOLDERS)
        self._seen: set[tuple[str, str]] = set()
        self._judging: set[int] = set()  # threads that judge a model now
        self._others: set[int] = set()  # threads that were there before one was judged: the worker's loop

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Note the frame's file, and where the walk of a sample begins and ends."""
        code = frame.f_code
        if event not in ("call", "return") or not code.co_filename.startswith(self._inside):
            return
        thread = threading.get_ident()
        place = (code.co_filename.rpartition("/")[2], code.co_name)
        if event == "return":
            if place in END:
                self._judging.discard(thread)
            return
        if place == BEGIN:
            self._judging.add(thread)
        elif not self._judging:
            self._others.add(thread)
        self._note("process", frame)
        if thread in self._judging or (self._judging and thread not in self._others):
            self._note("sample", frame)

    def _note(self, walk: str, frame: FrameType) -> None:
        name = frame.f_code.co_filename
        if (walk, name) in self._seen or _importing(frame):
            return
        self._seen.add((walk, name))
        self._out.write(f"{walk} {name.removeprefix(self._root)}\n")
        self._out.flush()


def _importing(frame: FrameType | None) -> bool:
    """Whether a module of the product is being imported; the program itself is none."""
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") != "__main__":
            return True
        frame = frame.f_back
    return False


def main() -> None:
    """Watch this process and its threads from here on."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("root", "out", "module"):
        parser.add_argument(name)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    root, out, module, arguments = asked.root, asked.out, asked.module, asked.arguments
    sys.argv = [module, *arguments]
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as `python -m` does
    with Path(out, f"{arguments[0]}-{os.getpid()}").open("a", encoding="utf-8") as notes:
        profile = Notes(Path(root), notes)
        threading.setprofile(profile)
        sys.setprofile(profile)
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        finally:
            sys.setprofile(None)


if __name__ == "__main__":
    main()
