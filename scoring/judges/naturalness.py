"""Does it sound like a recording of a person? DNSMOS (P.835 and P.808) on loudness-normalised speech.

Our protocol, where it differs from the published script (`dnsmos_published`): silence before and after the speech is cut off;
loudness is set to -23 LUFS; the hiss of a quiet room is added; a clip shorter than one window is repeated from its start until the
window is full; a longer one is cut into as few windows as cover it all, evenly spaced, the first beginning and the last ending with
the clip. So each second is looked at about once, and no window costs time for what another one saw.
"""

import math
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import assert_never

import torch

from scoring.audio.clip import Clip
from scoring.audio.noise_floor import noise_floor
from scoring.judges.dnsmos import networks
from scoring.judges.dnsmos.networks import WINDOW
from scoring.judges.dnsmos.p808 import HOP, log_mel
from scoring.judges.dnsmos.p835 import P835
from scoring.judges.judge import Utterance
from scoring.report import Metrics

NOISE_FLOOR = 57
"""-60 dBFS in steps of 16 bits: in digital silence the networks' opinions are moved by a single bit, and a trace of noise, a hum
or coarse steps gain by filling it."""

Network = Callable[[torch.Tensor], list[float]]
"""From one window's input to the network's outputs. Always one: memory stays that of one window, and no number has company."""


class Arithmetic(StrEnum):
    """What P.835 is computed in. Each gives other numbers, so it is part of the judge's version and never chosen by the CPU."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    """Faster where the CPU multiplies bfloat16; raw opinions differ by up to 0.02. No competition's profile uses it yet."""


class NaturalnessJudge:
    """Metrics on the opinion scale 1 (bad) … 5 (excellent), more is better: `sig`, `bak`, `ovr` (P.835) and `p808`."""

    name = "naturalness"

    def __init__(self, arithmetic: Arithmetic = Arithmetic.FLOAT32) -> None:
        self.version = f"dnsmos-{networks.P835.sha256[:12]}-{networks.P808.sha256[:12]}-{arithmetic}-3"
        self._p835, self._p808 = p835(arithmetic), on_onnxruntime(networks.P808)

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Mean over each utterance's windows; a sound that comes twice in the batch is judged once."""
        known: dict[bytes, Metrics] = {}
        return [self._judge(utterance.clip, known) for utterance in batch]

    def _judge(self, clip: Clip, known: dict[bytes, Metrics]) -> Metrics:
        cut = windows(clip)
        key = cut.numpy().tobytes()
        if key not in known:
            p808 = [self._p808(log_mel(window[:-HOP]))[0] for window in cut]
            known[key] = networks.opinions([self._p835(window) for window in cut], p808)
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


def p835(arithmetic: Arithmetic) -> Network:
    """The P.835 network; raises InfrastructureFault(JUDGE_UNAVAILABLE)."""
    match arithmetic:
        case Arithmetic.FLOAT32:
            return on_onnxruntime(networks.P835)
        case Arithmetic.BFLOAT16:
            network = P835(networks.read(networks.folder(), networks.P835), torch.bfloat16)
            return lambda window: list(network(window).tolist())
    assert_never(arithmetic)


def on_onnxruntime(file: networks.NetworkFile) -> Network:
    """A network as it was published; raises InfrastructureFault(JUDGE_UNAVAILABLE)."""
    ready = networks.session(networks.read(networks.folder(), file))
    return lambda window: list(ready.run(None, {"input_1": window[None].numpy()})[0][0].tolist())
