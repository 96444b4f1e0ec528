"""A bed whose verdicts are about sounds that are kept in a store, so that what was judged can be heard."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from prompts.groups import Group
from scoring.audio.spoken import Spoken
from scoring.competition import Track
from scoring.report import EvaluationReport
from scoring.store.folder import FolderFiles
from tests.judged_alike import judged_alike
from workers.evaluation.audio_store import EvidenceStore

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

RATE = 22_050
SECONDS = 0.3


async def audible_round(stack: "ValidatorBed", store: Path, seconds: float = SECONDS) -> "ValidatorBed":
    """A closed round in which the bed's two models scored .5 and .8, each of their clips, so long, in the store."""
    bed = replace(stack, judged_alike=AudibleJudge(store, seconds))
    assert await bed.tick()
    for score in (500_000, 800_000):
        await bed.judge(await bed.claim(), score)
    assert await bed.tick()
    return bed


class AudibleJudge:
    """Finds the same in every sound, as `judged_alike`, and keeps a short tone of its own for each prompt of each evaluation."""

    def __init__(self, folder: Path, seconds: float = SECONDS) -> None:
        self._store = EvidenceStore(FolderFiles(folder))
        self._seconds = seconds
        self._asked = 0

    def __call__(self, rules: Track, groups: Sequence[Group], share: float | Mapping[str, float]) -> EvaluationReport:
        """A report whose samples lie in the store."""
        self._asked += 1
        spoken = {prompt.id: self._speak(prompt.id) for group in groups for prompt in group.prompts}
        return judged_alike(rules, groups, share, spoken)

    def _speak(self, prompt_id: str) -> Spoken:
        digest = hashlib.sha256(f"{self._asked} {prompt_id}".encode()).digest()
        hertz, peak = 200.0 + 2.0 * digest[0], 3_000 + 40 * digest[1]
        wave = peak * np.sin(2 * np.pi * hertz * np.arange(round(RATE * self._seconds)) / RATE)
        spoken = Spoken(prompt_id=prompt_id, rate=RATE, pcm=wave.astype("<i2").tobytes(), seconds=0.1)
        self._store.keep_audio(spoken)
        return spoken
