"""Is it a clean recording? Defects that opinion networks do not hear are measured one by one."""

from collections.abc import Sequence

from scoring.audio import speech_seconds
from scoring.judges.judge import Utterance
from scoring.report import Metrics


class CleanlinessJudge:
    """Metric `padding`: the share of the clip that is silence, 0 … 1, less is better."""

    name = "cleanliness"
    version = "1"

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Measures one utterance after the other."""
        return [_measure(utterance) for utterance in batch]


def _measure(utterance: Utterance) -> Metrics:
    audio = utterance.sound.audio
    return {"padding": max(0.0, 1.0 - speech_seconds(audio) / audio.seconds)}
