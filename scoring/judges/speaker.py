"""One speaker in both clips of a voice pair? Judged within the pair, never across groups."""

import torch

from scoring.judges.judge import Utterance
from scoring.judges.p808 import log_mel
from scoring.report import Metrics


class SpeakerJudge:
    """Metric `speaker_similarity`: cosine of the clips' mean mel spectra, -1 … 1, more is better."""

    name = "speaker"
    version = "1"

    def compare(self, one: Utterance, other: Utterance) -> Metrics:
        """The same in either order."""
        first, second = (log_mel(utterance.sound.level.samples).mean(dim=0) for utterance in (one, other))
        return {"speaker_similarity": float(torch.nn.functional.cosine_similarity(first, second, dim=0))}
