"""A checked model's speech in a round: it answers the prompts inside the sandbox, and judges listen while it goes on."""

import contextvars
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from scoring.audio.spoken import Spoken
from scoring.report import EvaluationReport
from scoring.types import BlockHash
from workers.evaluation.batches import batches_of
from workers.evaluation.obtain import LocalModel
from workers.evaluation.progress import Progress, Stage
from workers.evaluation.speaking import speak
from workers.evaluation.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSpeech:
    """The sounds of a model in a round, by prompt id, and the judges' report on them. Seconds are wall-clock."""

    spoken: Mapping[str, Spoken]
    report: EvaluationReport
    speak_seconds: float
    judge_seconds: float  # at work, beside the speaking or after it
    seconds: float  # of both together


def judge_model(model: LocalModel, block_hash: BlockHash, tools: Tools, progress: Progress) -> JudgedSpeech:
    """Let a checked model speak a round's prompts and judge each sound while the next ones are spoken.

    A judge that is missing is named before the model speaks. Nothing of the report depends on when a sound was judged.
    """
    rules = model.track
    groups = rules.groups(block_hash)
    panel = tools.panel(rules.profile, partial(progress, Stage.FETCH))
    told = _OneAtATime(progress)
    spoken: dict[str, Spoken] = {}
    began = time.monotonic()
    answers = speak(model, batches_of(model.family, rules, block_hash), tools, told)
    with ThreadPoolExecutor(1, "judges") as pool, _Arrivals() as arrivals, closing(answers):
        heard = partial(told, Stage.JUDGE)
        listen = partial(panel.listen, groups, arrivals, rules, heard, is_alone=lambda: arrivals.has_ended)
        judging = pool.submit(contextvars.copy_context().run, listen)
        for said in answers:
            spoken[said.prompt_id] = said
            arrivals.put(said)
            if judging.done():  # too early: it failed, and the guest need not go on
                break
        spoke = time.monotonic()
    return JudgedSpeech(
        spoken=spoken,
        report=judging.result(),
        speak_seconds=spoke - began,
        judge_seconds=arrivals.judge_seconds,
        seconds=time.monotonic() - began,
    )


class _SpeakerLeft(Exception):
    """The guest ended before all was said: what was heard until then is no evaluation."""


class _Arrivals:
    """Sounds on their way from the guest to the judges, who are given all that have arrived whenever they come back for more.

    Leaving its `with` block ends them: well, or by an error that ends the judging too.
    """

    def __init__(self) -> None:
        self._sounds: SimpleQueue[Spoken | None] = SimpleQueue()
        self._is_cut = False
        self.has_ended = False
        self.judge_seconds = 0.0

    def put(self, said: Spoken) -> None:
        """Add a sound."""
        self._sounds.put(said)

    def __iter__(self) -> Iterator[list[Spoken]]:
        goes_on = True
        while goes_on:
            arrived = [self._sounds.get()]
            while not self._sounds.empty():
                arrived.append(self._sounds.get())
            if self._is_cut:
                raise _SpeakerLeft
            goes_on = None not in arrived
            began = time.monotonic()
            yield [said for said in arrived if said is not None]
            self.judge_seconds += time.monotonic() - began

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.has_ended, self._is_cut = True, kind is not None
        self._sounds.put(None)


class _OneAtATime:
    """Progress that two threads tell."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._lock = progress, threading.Lock()

    def __call__(self, stage: Stage, done: int, total: int) -> None:
        """Pass it on; raises what the other one raises."""
        with self._lock:
            self._progress(stage, done, total)
