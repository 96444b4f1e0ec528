"""The judges' naturalness with a gradient: what an attacker computes who has read the judges.

Everything between the sound and the evidence is the judges' own code: trimming, loudness, windows, DistillMOS, articulation and
ringing. Where a step has no useful gradient (where to trim, how loud, how the pitch moves), its result is taken as given: attacks that
change it are searched, not learnt. Only the last step is another one: clipped utilities have no slope, so shortfalls are squared.
"""

import torch

from scoring.audio.audio import Audio, activity
from scoring.audio.clip import RATE, Clip
from scoring.judges import articulation, distillmos, ringing
from scoring.judges.naturalness import GAP, windows
from scoring.scores.aggregate import FactorAnchors

AHEAD = 1.1
"""Utility that an attacker asks for: somewhat more than the judges count."""
UNDER = 1e-5
"""Of full scale: a trace of noise, because the derivative of a magnitude is undefined in digital silence."""
FRAME = round(0.02 * RATE)
"""Of the activity by which clips are trimmed."""


class Leveled(Clip):
    """A clip that is taken as it is: trimmed and at its level already."""

    @property
    def level(self) -> Audio:
        """Itself."""
        return self.audio


class Ears:
    """The evidence on a sound, as an attacker minimises it. Only metrics with a gradient count: see `METRICS`."""

    def __init__(self, anchors: FactorAnchors, window: int = distillmos.WINDOW, coarse: bool = True) -> None:
        """`window`: samples that DistillMOS hears at a time, at most its own window; `coarse`: its layers in bfloat16."""
        self._anchors, self._window, self._coarse = anchors, window, coarse
        self._network = distillmos.load()
        places: torch.Tensor = self._network.get_buffer("pe")
        self._network.pe = places[:, : window // (2 * distillmos.HOP)]

    def loss(self, wave: torch.Tensor, shift: int = 0) -> torch.Tensor:
        """`Σ over kinds of max(0, 1.1 - u)²` of a sound float32 [n] at 16 kHz; less is a better score.

        u is a kind's utility without its lower bound, the mean over those of its metrics that have a gradient.
        """
        kinds: dict[str, list[torch.Tensor]] = {}
        for name, value in self.metrics(wave, shift).items():
            anchor = self._anchors.metrics[name]
            utility = (value - anchor.bad) / (anchor.human - anchor.bad)
            kinds.setdefault(self._anchors.kinds.get(name, name), []).append(utility)
        short = [(AHEAD - torch.stack(found).mean()).clamp(min=0.0).square() for found in kinds.values()]
        return torch.stack(short).sum()

    def metrics(self, wave: torch.Tensor, shift: int = 0) -> dict[str, torch.Tensor]:
        """The judges' metrics that have a gradient and an anchor, by name; `shift` rolls what DistillMOS hears."""
        level = self.level(wave)
        changes = articulation.changes(Leveled(Audio(level, RATE)))
        natural = articulation.references()
        found = {
            "distillmos": self.opinion(torch.roll(level, -shift)),
            "flux_distance": (articulation.profile(changes.flux) - natural["flux"]).abs().mean(),
            "cepstral_distance": (articulation.profile(changes.fine) - natural["fine"]).abs().mean(),
            "ringing": (2.0 * ringing.ripple(level)).clamp(min=1e-4).sqrt(),
        }
        return {name: value.to(torch.float32) for name, value in found.items() if name in self._anchors.metrics}

    def level(self, wave: torch.Tensor) -> torch.Tensor:
        """The sound trimmed and at its level as the judges have it; where to cut and how loud have no gradient."""
        clip = Clip(Audio(wave.detach(), RATE))
        active = activity(clip.audio, clip.floor).nonzero()
        if active.shape[0] == 0:
            return wave
        gain = clip.level.samples.abs().max() / clip.speech.samples.abs().max()
        return wave[int(active[0]) * FRAME : (int(active[-1]) + 1) * FRAME] * gain

    def opinion(self, level: torch.Tensor) -> torch.Tensor:
        """DistillMOS of a sound, mean over its windows."""
        trace = torch.randn(level.shape, generator=torch.Generator().manual_seed(1)) * UNDER
        heard = windows(level + trace, self._window, GAP)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._coarse):
            found: torch.Tensor = self._network(heard)
        return found.float().mean()
