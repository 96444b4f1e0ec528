"""DNSMOS by the published protocol, as `speechmos` runs it: for comparison with what others report, never for a score.

A clip is doubled until it fills a window of 9.01 s; windows begin at each whole second; nothing is trimmed or normalised.
Neighbouring windows share eight of their nine seconds, and a frame of P.835's features begins each 10 ms, so what its convolutions
find in those seconds is computed once. Only the frames next to a window's ends differ: there the network sees zeros, and they are
computed for each window.
"""

from concurrent.futures import Executor, ThreadPoolExecutor

import torch

from benchmarks.dnsmos_torch import HOP, P835, REACH, strips
from scoring.audio.audio import Audio
from scoring.audio.clip import RATE
from scoring.judges import dnsmos
from scoring.judges.dnsmos import WINDOW, log_mel
from scoring.judges.naturalness import on_onnxruntime
from scoring.judges.panel import deterministic
from scoring.report import Metrics

SECONDS = 9.01
FRAMES = 900
"""Frames in a window."""
STEP = 100
"""Frames from one window to the next."""
TOGETHER = 16
"""Windows whose convolutions are shared; it bounds memory in long clips."""


class PublishedDnsmos:
    """Both networks, ready to judge clips by the published protocol; up to `lanes` threads work on a clip."""

    def __init__(self, lanes: int = 1) -> None:
        self._p835 = P835(dnsmos.read(dnsmos.folder(), dnsmos.P835))
        self._p808 = on_onnxruntime(dnsmos.P808)
        self._lanes = lanes

    def __call__(self, audio: Audio) -> Metrics:
        """`sig`, `bak`, `ovr`, `p808` of a clip at 16 kHz; raises ValueError for another rate or an empty clip."""
        if audio.rate != RATE or audio.samples.shape[0] == 0:
            raise ValueError("the published protocol takes a clip at 16 kHz that is not empty")
        wave = doubled(audio.samples)
        seconds = starts(wave.shape[0])
        raw: list[list[float]] = []
        with deterministic(), ThreadPoolExecutor(self._lanes) as pool:
            for first in range(0, len(seconds), TOGETHER):
                raw += self._raw(pool, wave, seconds[first : first + TOGETHER])
            cut = (wave[second * RATE : second * RATE + WINDOW - HOP] for second in seconds)
            return dnsmos.opinions(raw, [found[0] for found in pool.map(self._p808, map(log_mel, cut))])

    def _raw(self, pool: Executor, wave: torch.Tensor, seconds: list[int]) -> list[list[float]]:
        """P.835's outputs for the windows that begin at some whole seconds, in order."""
        origin, end = seconds[0], seconds[-1] * RATE + WINDOW
        features = self._p835.features(wave[origin * RATE : end])
        shared = torch.cat(list(pool.map(lambda part: self._p835.strip(features, *part), strips(features))), dim=2)
        first = [(second - origin) * STEP for second in seconds]
        return list(pool.map(lambda start: list(self._window(features, shared, start).tolist()), first))

    def _window(self, features: torch.Tensor, shared: torch.Tensor, start: int) -> torch.Tensor:
        """P.835's outputs for one window, whose ends go through the trunk by themselves, with nothing beyond them."""
        window = features[:, :, start : start + FRAMES]
        begin = self._p835.trunk(window[:, :, : 2 * REACH])[:, :, :REACH]
        between = shared[:, :, start + REACH : start + FRAMES - REACH]
        end = self._p835.trunk(window[:, :, -2 * REACH :])[:, :, -REACH:]
        return self._p835.head(torch.cat([begin, between, end], dim=2))[0]


def doubled(samples: torch.Tensor) -> torch.Tensor:
    """The clip, doubled until it fills a window."""
    while samples.shape[0] < WINDOW:
        samples = samples.repeat(2)
    return samples


def starts(length: int) -> list[int]:
    """The seconds at which the published script's windows begin.

    It computes each end as `int((second + 9.01) * 16000)`, which is one sample short where 9.01 has no exact binary neighbour, and
    leaves out such windows; so does this.
    """
    hops = int(length // RATE - SECONDS) + 1
    return [second for second in range(hops) if int((second + SECONDS) * RATE) - second * RATE == WINDOW]
