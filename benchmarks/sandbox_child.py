"""The child of `make bench-sandbox`: the guest's own program with a few families more, and without its walls where `bare` is said."""

import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scoring.synthesis.load import Loader, adapter
from scoring.synthesis.synthesiser import Request, Waveform
from workers.sandbox.guest import serve

_FEW = 100


class Idle:
    """Does next to nothing, what each text says: sleep, start threads, or answer at once."""

    family = "idle"
    sample_rate = 22_050

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """A tenth of a second of silence for each."""
        for request in batch:
            if request.text == "sleep":
                time.sleep(2.0)
            elif request.text == "threads":
                for _ in range(_FEW):
                    thread = threading.Thread(target=int)
                    thread.start()
                    thread.join()
        return [np.zeros(2_205, dtype=np.float32) for _ in batch]


def loader(family: str) -> Loader:
    """The idle family, or one of ours."""
    return (lambda _model, _parts, _threads, _dtype: Idle()) if family == "idle" else adapter(family)


def without_walls() -> None:
    """Serve as a guest does, and build nothing."""
    vars(serve)["enter"] = lambda _orders, _answers: Path()  # anything but None: nobody looks at it
    vars(serve)["close_memory"] = lambda _walls: None


def main() -> None:
    """Serve as the sandbox that started this orders; a help is answered without a sandbox."""
    if sys.argv[1:] == ["--help"]:
        sys.stdout.write(f"usage: sandbox_child.py [bare] ORDERS ANSWERS\n\n{__doc__}\n")
        return
    if sys.argv[1:-2] == ["bare"]:
        without_walls()
    with os.fdopen(int(sys.argv[-2]), "rb") as orders, os.fdopen(int(sys.argv[-1]), "wb") as answers:
        serve.serve(orders, answers, loader)


if __name__ == "__main__":
    main()
