"""A sandbox and judges that need milliseconds: sound and numbers made from a prompt's name, everything around them is real."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from prompts.groups import Group
from scoring.audio.spoken import Spoken
from scoring.competition import Competition, Profile, SubmissionLimits, SynthesisRules
from scoring.judges.panel import Panel
from scoring.progress import NO_PROGRESS
from scoring.report import EvaluationReport
from scoring.synthesis.synthesiser import Request
from tests.judged_alike import judged_alike
from workers.evaluation.tools import LastPanel
from workers.hub.client import OnBytes
from workers.sandbox.conversation import OnSample
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

    def speak(
        self,
        model_dir: Path,
        family: str,
        requests: Sequence[Request],
        limits: SubmissionLimits,
        rules: SynthesisRules,
        *,
        parts: Path | None = None,
        on_sample: OnSample,
    ) -> tuple[Spoken, ...]:
        """One result per request, in order."""
        spoken = []
        for done, request in enumerate(requests, 1):
            time.sleep(self._seconds)
            seed = hashlib.sha256(f"{model_dir.name}/{request.prompt_id}/{request.seed}".encode()).digest()
            spoken.append(
                Spoken(prompt_id=request.prompt_id, rate=RATE, pcm=seed * (2 * _FRAMES // len(seed)), seconds=self._seconds)
            )
            on_sample(done, len(requests))
        return tuple(spoken)


class QuickPanels(LastPanel):
    """Panels whose judges find the same in every sound."""

    def __call__(self, profile: Profile, on_bytes: OnBytes = NO_PROGRESS) -> Panel:
        """A panel is anything that judges."""
        return cast(Panel, _QuickPanel())


class _QuickPanel:
    def judge(
        self,
        groups: Sequence[Group],
        spoken: Mapping[str, Spoken],
        competition: Competition,
        progress: Callable[[int, int], None],
    ) -> EvaluationReport:
        progress(len(spoken), len(spoken))
        return judged_alike(competition, groups, _SHARE, spoken)
