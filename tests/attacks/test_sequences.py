"""Random sequences of what moves the numbers that limits are counted by, seen by an observer who is no part of the sandbox."""

import os
import random
import re
import runpy
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scoring.competition import SynthesisRules
from scoring.errors import Code, InfrastructureFault, SubmissionFault
from scoring.synthesis.synthesiser import Request
from tests.builders.limits import limits
from workers.sandbox.sandbox import GuestTimedOut, Sandbox

GUEST = Path(__file__).with_name("random_guest.py")
DRAWN = runpy.run_path(str(GUEST), run_name="random_guest")
LIMIT = DRAWN["LIMIT_MIB"] << 20
RULES = SynthesisRules(device="cpu", threads=1, batch=1, dtype="float32")
HELD = re.compile(r"^(?:Rss|Swap|VmPTE):\s+(\d+) kB$", re.MULTILINE)
PIPE_BYTES = 64 << 10
ON_TIME, AT_ONCE = 1.0, 0.02


@dataclass
class Observer:
    """Adds up what a process holds, page by page, until it is gone; ends it early if it is told to."""

    pid: int
    kills: bool
    over: float = 0.0  # seconds above the limit and a twentieth, at most, without a break
    most: int = 0
    threads: int = 0
    _done: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Observer":
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        since: float | None = None
        ends = time.monotonic() + random.Random(self.pid).uniform(0.0, 0.3)
        while not self._done.wait(AT_ONCE):
            held, now = self._held(), time.monotonic()
            self.most, self.threads = max(self.most, held), max(self.threads, len(self._listed("task")))
            since = (since or now) if held > 1.05 * LIMIT else None
            self.over = max(self.over, now - since if since else 0.0)
            if self.kills and now > ends:
                with suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
                return

    def _held(self) -> int:
        """The pages of whichever thread still lives, its page tables, and what fits into its pipes."""
        for task in self._listed("task"):
            with suppress(OSError):
                text = (task / "smaps").read_text() + (task / "status").read_text()
                if found := HELD.findall(text):
                    pipes = sum(_is_pipe(file) for file in self._listed("fd"))
                    return (sum(map(int, found)) << 10) + pipes // 2 * PIPE_BYTES
        return 0

    def _listed(self, folder: str) -> list[Path]:
        with suppress(OSError):
            return list(Path("/proc", str(self.pid), folder).iterdir())
        return []


def _is_pipe(file: Path) -> bool:
    with suppress(OSError):
        return str(file.readlink()).startswith("pipe:")
    return False


@dataclass(frozen=True)
class Course:
    """How a sequence went: who was blamed, and what the observer saw."""

    seed: int
    blamed: str
    over: float
    most: int
    threads: int


def course(root: Path, seed: int, *, kills: bool) -> Course:
    """Let a fresh guest run one sequence."""
    (model := root / f"model{seed}").mkdir()
    bounds = limits(ram_bytes=LIMIT)
    seen = Observer(0, kills)
    blamed = "nobody"
    try:
        sandbox = Sandbox(root / "scratch", [str(GUEST)])
        with sandbox.guest(model, "random", bounds, RULES, parts=None, environment=None, seconds=60.0) as talk:
            (told,) = talk.say([Request("p0", "pid", "", 0)], 20.0)
            seen = Observer(int(bytes(told.pcm[::2])), kills)
            with seen:
                (spoken,) = talk.say([Request("p1", str(seed), "", 0)], 5.0)
                blamed = "model" if spoken.failure else "nobody"
    except (SubmissionFault, GuestTimedOut):
        blamed = "model"
    except InfrastructureFault as fault:
        blamed = "host" if fault.code is Code.WORKER_ERROR else str(fault)
    return Course(seed, blamed, seen.over, seen.most, seen.threads)


def rightly(seed: int, *, kills: bool) -> set[str]:
    """Who may be blamed for a sequence. One that is killed may have been at its end already."""
    claim = DRAWN["claim"](DRAWN["steps"](seed))
    own = {"nobody"} if claim.is_within else {"model"} if claim.is_beyond else {"model", "nobody"}
    return own | {"host"} if kills else own


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(10), id="a few", marks=pytest.mark.small),
        pytest.param(range(500), id="many", marks=[pytest.mark.slow, pytest.mark.timeout(1_800)]),
    ],
)
def test_no_sequence_holds_more_and_each_end_is_blamed_rightly(tmp_path: Path, seeds: range) -> None:
    """A guest is above its memory and a twentieth for a second at most, and never above its threads; its end is rightly blamed."""
    killed = {seed for seed in seeds if seed % 5 == 4}
    with ThreadPoolExecutor(2) as pool:
        courses = list(pool.map(lambda seed: course(tmp_path, seed, kills=seed in killed), seeds))
    assert [one for one in courses if one.blamed not in rightly(one.seed, kills=one.seed in killed)] == []
    assert [one for one in courses if one.over > ON_TIME or one.threads > DRAWN["MOST_THREADS"]] == []
    assert {one.blamed for one in courses} == {"nobody", "model", "host"}
