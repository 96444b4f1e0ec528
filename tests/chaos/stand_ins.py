"""A sandbox and judges that need milliseconds: sound and numbers made from a prompt's name, everything around them is real."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from prompts.groups import Group
from scoring.audio.spoken import Spoken
from scoring.competition import Profile, SubmissionLimits, SynthesisRules, Track
from scoring.judges.panel import Panel
from scoring.progress import NO_PROGRESS
from scoring.report import EvaluationReport
from scoring.synthesis.synthesiser import Request
from tests.judged_alike import judged_alike
from workers.evaluation.tools import LastPanel
from workers.hub.client import OnBytes
from workers.sandbox.conversation import Conversation
from workers.sandbox.sandbox import Sandbox

RATE = 16_000
_FRAMES = 160
_SHARE = 0.6
"""How far from bad to human every metric lies."""


class QuickSandbox(Sandbox):
    """Says everything at once, `sample_seconds` each: some bytes that no other model, prompt and batch has (see `sound_of`)."""

    def __init__(self, folder: Path, sample_seconds: float) -> None:
        super().__init__(folder)
        self._seconds = sample_seconds

    def hold_card(self, limits: SubmissionLimits) -> None:
        """Nothing of it needs a card."""

    @contextmanager
    def guest(
        self,
        model_dir: Path,
        family: str,
        limits: SubmissionLimits,
        rules: SynthesisRules,
        *,
        parts: Path | None,
        environment: Path | None,
        seconds: float,
    ) -> Iterator[Conversation]:
        """A guest is anything that answers."""
        yield cast(Conversation, _QuickGuest(model_dir.name, self._seconds))


class _QuickGuest:
    def __init__(self, model: str, seconds: float) -> None:
        self._model, self._seconds = model, seconds

    def say(self, batch: Sequence[Request], _most_seconds: float) -> list[Spoken]:
        """One result per request, in order."""
        time.sleep(self._seconds * len(batch))
        return [
            Spoken(prompt_id=each.prompt_id, rate=RATE, pcm=sound_of(self._model, batch, each), seconds=self._seconds)
            for each in batch
        ]


def sound_of(model: str, batch: Sequence[Request], request: Request) -> bytes:
    """A model's sound for a request: as in bfloat16 it depends on the batch, too. `model` is its folder's name."""
    neighbours = " ".join(each.prompt_id for each in batch)
    seed = hashlib.sha256(f"{model}/{neighbours}/{request.prompt_id}/{request.seed}".encode()).digest()
    return seed * (2 * _FRAMES // len(seed))


class QuickPanels(LastPanel):
    """Panels whose judges find the same in every sound."""

    def __call__(self, profile: Profile, on_bytes: OnBytes = NO_PROGRESS) -> Panel:
        """A panel is anything that judges."""
        return cast(Panel, _QuickPanel())


class _QuickPanel:
    def listen(
        self,
        groups: Sequence[Group],
        arrivals: Iterable[Sequence[Spoken]],
        rules: Track,
        progress: Callable[[int, int], None],
        *,
        is_alone: Callable[[], bool],
    ) -> EvaluationReport:
        """What was said, all of it."""
        spoken = {said.prompt_id: said for arrived in arrivals for said in arrived}
        progress(len(spoken), len(spoken))
        return judged_alike(rules, groups, _SHARE, spoken)
