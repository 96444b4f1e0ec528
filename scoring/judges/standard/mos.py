"""Does it sound good? Learned opinions: SQUIM on the signal, a UTMOS-class net on the speech."""

from collections.abc import Sequence

from scoring.judges.judge import Utterance
from scoring.judges.standard.device import LANES, Device
from scoring.judges.standard.lanes import NetworkInput, repeated, through
from scoring.judges.standard.squim import Squim
from scoring.judges.standard.utmos import Utmos
from scoring.report import Metrics


class MosJudge:
    """Metrics, more is better: `utmos` and `squim_mos` (opinions, 1 … 5), `pesq` (1 … 4.64), `stoi` (0 … 1), `si_sdr` (dB).

    Both hear the speech without the silence around it, at -23 LUFS, begun again until its bucket is full.
    """

    name = "naturalness"

    def __init__(self, squim: Squim, utmos: Utmos, device: Device, version: str) -> None:
        self.version = version
        self._squim, self._utmos, self._lanes = squim, utmos, LANES[device]

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """All metrics of each utterance."""
        inputs = [NetworkInput((repeated(utterance.clip.level.samples),)) for utterance in batch]
        signals, opinions = through(self._squim, inputs, self._lanes), through(self._utmos, inputs, self._lanes)
        return [
            {**dict(zip(Squim.names, signal.tolist(), strict=True)), "utmos": float(opinion)}
            for signal, opinion in zip(signals, opinions, strict=True)
        ]
