"""Is it a clean recording? Defects that opinion networks do not hear are measured one by one."""

from collections.abc import Sequence

from scoring.judges import defects, silence
from scoring.judges.judge import Utterance
from scoring.report import Metrics


class CleanlinessJudge:
    """What a listener would call a bad recording. Metrics: those of `silence.measure` and `defects.measure`.

    None of them depends on the clip's level: that is judged in delivery.
    """

    name = "cleanliness"
    version = "3"

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Measures one utterance after the other."""
        return [{**silence.measure(utterance.clip), **defects.measure(utterance.clip)} for utterance in batch]
