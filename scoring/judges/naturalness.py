"""Naturalness: several kinds of evidence that a person, or a voice as good as one, is speaking.

Two networks predict what listeners would answer: DistillMOS, and DNSMOS (P.835 and P.808). Each can be won over by sound made for it,
so beside them stand measures of speech that no network learnt: the melody (`scoring.judges.prosody`), the movement of the spectrum
(`scoring.judges.articulation`), and what never moves (`scoring.judges.ringing`). The anchors combine the kinds so that the weakest
one bounds the factor.
"""

import math
import threading
from collections.abc import Callable, Sequence

import torch

from scoring.audio.audio import noise_floor
from scoring.audio.clip import Clip
from scoring.judges import articulation, distillmos, dnsmos, prosody, ringing
from scoring.judges.dnsmos import HOP, WINDOW, log_mel
from scoring.judges.judge import Utterance
from scoring.judges.weights import DISTILLMOS
from scoring.report import Metrics

NOISE_FLOOR = 57
"""-60 dBFS in steps of 16 bits, for DNSMOS: in digital silence its opinions are moved by a single bit, and a trace of noise, a hum or
coarse steps gain by filling it. DistillMOS hears none: such a hiss costs a person .3 and gives a formant voice as much."""
GAP = 40
"""Samples (2.5 ms) between the repetitions of a clip that is shorter than DistillMOS's window: a quarter of its hop, so that the window
holds the clip in several alignments. One alignment alone moves an opinion by .1."""

Network = Callable[[torch.Tensor], list[float]]
"""A network: one window's input to its outputs. One at a time: memory stays that of one window, and no number depends on company."""


class NaturalnessJudge:
    """Evidence of natural speech in a clip.

    Metrics on the opinion scale 1 (bad) … 5 (excellent), more is better: `distillmos` (see `distillmos_windows`); `sig` (the speech), `bak`
    (the background) and `ovr` (all of it) by P.835, `p808` (all of it) by P.808 (see `dnsmos_windows`): each the mean over the
    clip's windows. The measured evidence: see `metrics` of `prosody`, `articulation` and `ringing`.
    """

    name = "naturalness"

    version = "-".join(
        (
            f"distillmos-{DISTILLMOS.sha256[:12]}",
            f"dnsmos-{dnsmos.P835.sha256[:12]}-{dnsmos.P808.sha256[:12]}",
            f"prosody-{prosody.VERSION}",
            f"articulation-{articulation.VERSION}",
            f"ringing-{ringing.VERSION}",
            "float32-4",
        )
    )

    def __init__(self) -> None:
        self._p835, self._p808 = on_onnxruntime(dnsmos.P835), on_onnxruntime(dnsmos.P808)
        self._distillmos = distillmos.load()

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """All evidence on each utterance; a sound that comes twice in the batch is judged once."""
        known: dict[bytes, Metrics] = {}
        return [self._judge(utterance.clip, known) for utterance in batch]

    def _judge(self, clip: Clip, known: dict[bytes, Metrics]) -> Metrics:
        key = clip.level.samples.numpy().tobytes()
        if key not in known:
            known[key] = {
                **self._predicted(clip),
                "distillmos": self._opinion(clip),
                **prosody.metrics(clip),
                **articulation.metrics(clip),
                **ringing.metrics(clip),
            }
        return known[key]

    def _predicted(self, clip: Clip) -> Metrics:
        cut = dnsmos_windows(clip)
        p808 = [self._p808(log_mel(window[:-HOP]))[0] for window in cut]
        return dnsmos.opinions([self._p835(window) for window in cut], p808)

    @torch.inference_mode()
    def _opinion(self, clip: Clip) -> float:
        found = [float(self._distillmos(window[None])[0]) for window in distillmos_windows(clip)]
        return math.fsum(found) / len(found)


def dnsmos_windows(clip: Clip) -> torch.Tensor:
    """The clip as DNSMOS takes it: float32 [windows, 144160], 16 kHz, trimmed, -23 LUFS, in a hiss; raises ValueError if empty.

    Source: "DNSMOS P.835" and "DNSMOS" (Reddy et al. 2022, 2021). Where the protocol differs from the published script: silence
    before and after the speech is cut off, loudness is set, the hiss of a quiet room is added, and the clip is cut as `windows` says.
    """
    return windows(_not_empty(clip) + noise_floor(clip.level.samples.shape[0], NOISE_FLOOR) / 32768.0, WINDOW)


def distillmos_windows(clip: Clip) -> torch.Tensor:
    """The clip as DistillMOS takes it: float32 [windows, 122880], 16 kHz, trimmed, -23 LUFS; raises ValueError if empty."""
    return windows(_not_empty(clip), distillmos.WINDOW, GAP)


def windows(speech: torch.Tensor, length: int, gap: int = 0) -> torch.Tensor:
    """Cut a sound float32 [n] into windows [m, length], as few as cover it, evenly spaced from its beginning to its end.

    A shorter sound is repeated from its start until one window is full, with `gap` samples of silence between the repetitions. So
    each second is looked at about once, and no window costs time for what another one saw.
    """
    size = speech.shape[0]
    if size <= length:
        repeated = torch.nn.functional.pad(speech, (0, gap)).repeat(math.ceil(length / (size + gap)))
        return repeated[None, :length]
    count = math.ceil(size / length)
    starts = [round(index * (size - length) / (count - 1)) for index in range(count)]
    return torch.stack([speech[start : start + length] for start in starts])


def _not_empty(clip: Clip) -> torch.Tensor:
    if clip.level.samples.shape[0] == 0:
        raise ValueError("there is no speech to judge")
    return clip.level.samples


def on_onnxruntime(file: dnsmos.NetworkFile) -> Network:
    """A network as it was published; raises InfrastructureFault(JUDGE_UNAVAILABLE)."""
    ready, alone = dnsmos.session(dnsmos.read(dnsmos.folder(), file)), threading.Lock()

    def run(window: torch.Tensor) -> list[float]:
        with alone:  # a session keeps memory for as many runs as it ever had at once
            return list(ready.run(None, {"input_1": window[None].numpy()})[0][0].tolist())

    return run
