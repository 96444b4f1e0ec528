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
    """Says everything at once, `sample_seconds` each: some bytes that no other model and prompt has."""

    def __init__(self, folder: Path, sample_seconds: float) -> None:
        super().__init__(folder)
        self._seconds = sample_seconds

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
        return [self._said(request) for request in batch]

    def _said(self, request: Request) -> Spoken:
        seed = hashlib.sha256(f"{self._model}/{request.prompt_id}/{request.seed}".encode()).digest()
        return Spoken(prompt_id=request.prompt_id, rate=RATE, pcm=seed * (2 * _FRAMES // len(seed)), seconds=self._seconds)


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
