"""Naturalness: predicted opinions of listeners, by DNSMOS (P.835 and P.808), on loudness-normalised speech.

Source: "DNSMOS P.835" and "DNSMOS" (Reddy et al. 2022, 2021), which predict what listeners would answer in tests by ITU-T P.835 and
P.808. Our protocol, where it differs from the published script: silence before and after the speech is cut off;
loudness is set to -23 LUFS; the hiss of a quiet room is added; a clip shorter than one window is repeated from its start until the
window is full; a longer one is cut into as few windows as cover it all, evenly spaced, the first beginning and the last ending with
the clip. So each second is looked at about once, and no window costs time for what another one saw.
"""

import math
from collections.abc import Callable, Sequence

import torch

from scoring.audio.audio import noise_floor
from scoring.audio.clip import Clip
from scoring.judges import dnsmos
from scoring.judges.dnsmos import HOP, WINDOW, log_mel
from scoring.judges.judge import Utterance
from scoring.report import Metrics

NOISE_FLOOR = 57
"""-60 dBFS in steps of 16 bits: in digital silence the networks' opinions are moved by a single bit, and a trace of noise, a hum
or coarse steps gain by filling it."""

Network = Callable[[torch.Tensor], list[float]]
"""A network: one window's input to its outputs. One at a time: memory stays that of one window, and no number depends on company."""


class NaturalnessJudge:
    """Predicted opinions on a clip.

    Metrics on the opinion scale 1 (bad) … 5 (excellent), more is better: `sig` (the speech), `bak` (the background), `ovr` (all of it), by
    P.835, and `p808` (all of it, by P.808). Each is the mean over the clip's windows: see `dnsmos.opinions`.
    """

    name = "naturalness"

    version = f"dnsmos-{dnsmos.P835.sha256[:12]}-{dnsmos.P808.sha256[:12]}-float32-3"

    def __init__(self) -> None:
        self._p835, self._p808 = on_onnxruntime(dnsmos.P835), on_onnxruntime(dnsmos.P808)

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Mean over each utterance's windows; a sound that comes twice in the batch is judged once."""
        known: dict[bytes, Metrics] = {}
        return [self._judge(utterance.clip, known) for utterance in batch]

    def _judge(self, clip: Clip, known: dict[bytes, Metrics]) -> Metrics:
        cut = windows(clip)
        key = cut.numpy().tobytes()
        if key not in known:
            p808 = [self._p808(log_mel(window[:-HOP]))[0] for window in cut]
            known[key] = dnsmos.opinions([self._p835(window) for window in cut], p808)
        return known[key]


def windows(clip: Clip) -> torch.Tensor:
    """The clip as both networks take it: float32 [windows, 144160], 16 kHz, trimmed, -23 LUFS in a hiss; raises ValueError if empty."""
    length = clip.level.samples.shape[0]
    if length == 0:
        raise ValueError("there is no speech to judge")
    speech = clip.level.samples + noise_floor(length, NOISE_FLOOR) / 32768.0
    if length <= WINDOW:
        return speech.repeat(math.ceil(WINDOW / length))[None, :WINDOW]
    count = math.ceil(length / WINDOW)
    starts = [round(index * (length - WINDOW) / (count - 1)) for index in range(count)]
    return torch.stack([speech[start : start + WINDOW] for start in starts])


def on_onnxruntime(file: dnsmos.NetworkFile) -> Network:
    """A network as it was published; raises InfrastructureFault(JUDGE_UNAVAILABLE)."""
    ready = dnsmos.session(dnsmos.read(dnsmos.folder(), file))
    return lambda window: list(ready.run(None, {"input_1": window[None].numpy()})[0][0].tolist())
