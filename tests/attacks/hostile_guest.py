"""A guest whose model is hostile: run in place of `workers.sandbox.guest`, with what it does as the model family.

The family `escape` tries the attempt of the self-test that each text names; the name of one of its behaviours does that at the first
sample; what only tests need stands here.

A wall may be left out on purpose by its name before the pipes, or a host made poorer: `hostile_guest.py landlock ORDERS ANSWERS`. So may
the one step of a guest on a card that needs one (`card`): its walls can be tried anywhere.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import numpy as np

from scoring.synthesis.load import Device, Loader, PartsUnusable
from scoring.synthesis.synthesiser import Request, Waveform
from workers.sandbox.guest import confine, kernel, landlock, on_card, seccomp
from workers.sandbox.guest.serve import serve
from workers.sandbox.selftest.attempt import Outcome, Target, attempt
from workers.sandbox.selftest.behaviours import BEHAVIOURS
from workers.sandbox.selftest.catalogue import ATTEMPTS

RATE = 16_000
"""That of the frames which behaviours write."""


class Escaped(Exception):
    """The attack was not refused."""


def _try(name: str, model: Path) -> None:
    tried = attempt(ATTEMPTS[name], Target(model, model / "config.json"))
    if tried.outcome is Outcome.POSSIBLE and not ATTEMPTS[name].remains:
        raise Escaped(f"{name}: {tried.said}")


def _no_library() -> None:
    raise ImportError("no such library")


def _broken_parts() -> None:
    raise PartsUnusable("the codec is torn")


def _fail() -> NoReturn:
    raise RuntimeError("it broke in \u202emodel\n")


def _threads() -> None:
    done: list[int] = []
    threads = [threading.Thread(target=done.append, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(done) != 8:
        raise RuntimeError("threads do not run")


CONDUCT: Mapping[str, Callable[[], object]] = {
    **{name: behaviour.act for name, behaviour in BEHAVIOURS.items()},
    "well": lambda: None,
    "threads": _threads,
    "no library": _no_library,
    "broken parts": _broken_parts,
    "chatter": lambda: sys.stdout.write("x" * (1 << 20)) and sys.stderr.write("y" * (1 << 20)),
}


def _silence() -> Waveform:
    return np.zeros(100, dtype=np.float32)


def _pause() -> Waveform:
    time.sleep(2.0)
    return _silence()


def _environment() -> Waveform:
    return np.frombuffer("\n".join(os.environ).encode(), dtype=np.uint8).astype(np.float32) / 32767.0


ANSWERS: Mapping[str, Callable[[], Waveform]] = {
    "fail": _fail,
    "pause": _pause,
    "nan": lambda: np.full(100, np.nan, dtype=np.float32),
    "giant": lambda: np.zeros(RATE * 100, dtype=np.float32),
    "stereo": lambda: np.zeros((2, 100), dtype=np.float32),
    "environment": _environment,
}
"""What a model can return for one text."""


class Hostile:
    """Attacks at its first request; then says what else a model can return."""

    family = "hostile"
    sample_rate = RATE

    def __init__(self, name: str, model: Path) -> None:
        self._name, self._model = name, model

    def to(self, device: Device) -> None:
        """Nothing of it needs a card."""

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        return [self._say(request) for request in batch]

    def _say(self, request: Request) -> Waveform:
        if act := ANSWERS.get(request.text):
            return act()
        if self._name == "escape":
            _try(request.text, self._model)
        elif self._name in CONDUCT:
            CONDUCT[self._name]()
        return _silence()


def _load(name: str, model: Path) -> Hostile:
    when, _, what = name.partition(": ")
    if when == "load":
        _fail_to_load(model) if what == "fail" else CONDUCT[what]()
    loaded = Hostile(name, model)
    if when == "rate":
        loaded.sample_rate = int(what)
    return loaded


def _fail_to_load(model: Path) -> None:
    raise ValueError(f"{model}/config.json \x1b[31mis odd\n")


def adapter(family: str) -> Loader:
    """The loader of an attack."""
    if family == "missing library":
        raise ImportError("no such library")
    return lambda model, _parts, _threads, _dtype: _load(family, model)


WALLS: dict[str, tuple[ModuleType, str, object]] = {
    "landlock": (landlock, "restrict", 0),
    "seccomp": (seccomp, "restrict", None),
    "limits": (confine, "_limit_resources", None),
    "capabilities": (kernel, "capabilities", (1, 0, 0, 0, 0, 0)),
}
"""What is replaced by nothing but an answer, so that a wall is missing; a guest without capabilities seems to keep one."""

HOSTS: dict[str, tuple[ModuleType, str, object]] = {
    "landlock 1": (landlock, "abi", 1),
    "landlock 3": (landlock, "abi", 3),
    "landlock 4": (landlock, "abi", 4),
    "landlock 6": (landlock, "abi", 6),
    "no namespaces": (kernel, "leave_namespaces", False),
    "no questions": (seccomp, "questions", b""),
}
"""Hosts that give less: an older kernel (the first is too old), a container that permits no namespaces, or asks for threads itself: a
filter that the kernel does not take stands for that."""


def leave_out(wall: str) -> None:
    """Do not build one wall."""
    module, name, answer = (WALLS | HOSTS)[wall]
    setattr(module, name, lambda *_, **__: answer)


if __name__ == "__main__":
    match sys.argv[1:-2]:
        case ["card"]:
            vars(on_card)["bound_memory"] = lambda _most: None
        case wanted:
            for wall in wanted:
                leave_out(wall)
    with os.fdopen(int(sys.argv[-2]), "rb") as orders, os.fdopen(int(sys.argv[-1]), "wb") as answers:
        serve(orders, answers, adapter)
