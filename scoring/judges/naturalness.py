"""Does it sound like a recording of a person? DNSMOS (P.835 and P.808) on loudness-normalised speech.

Our protocol, where it differs from the published script: silence before and after the speech is cut off; loudness is set to
-23 LUFS; a clip shorter than one window is repeated from its start until the window is full; a longer one is cut into as few
windows as cover it all, evenly spaced, the first beginning and the last ending with the clip. So each second is looked at
about once, and no window costs time for what another one saw.
"""

import hashlib
import importlib.util
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import onnxruntime
import torch

from scoring.errors import Code, InfrastructureFault
from scoring.judges.judge import Utterance
from scoring.report import Metrics
from scoring.sound import RATE, Sound

WINDOW = 144_160
"""Samples in the 9.01 s that both networks take."""
P835 = ("sig_bak_ovr.onnx", "269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd")
P808 = ("model_v8.onnx", "9246480c58567bc6affd4200938e77eef49468c8bc7ed3776d109c07456f6e91")
CURVES = {
    "sig": (-0.08397278, 1.22083953, 0.0052439),
    "bak": (-0.13166888, 1.60915514, -0.39604546),
    "ovr": (-0.06766283, 1.11546468, 0.04602535),
}
"""The published quadratics (a, b, c) from raw P.835 outputs to the opinion scale."""
FFT, HOP, MELS = 321, 160, 120
"""P.808's front end: 321-point frames each 10 ms, 120 mel bands on Slaney's scale."""
FLOOR = 1e-10
DYNAMIC_DB = 80.0


class NaturalnessJudge:
    """Metrics on the opinion scale 1 (bad) … 5 (excellent), more is better: `sig`, `bak`, `ovr` (P.835) and `p808`."""

    name = "naturalness"
    version = f"dnsmos-{P835[1][:12]}-{P808[1][:12]}-1"

    def __init__(self) -> None:
        self._p835, self._p808 = (load_network(networks(), model) for model in (P835, P808))

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Mean over each utterance's windows; all windows of the batch go through the networks together."""
        cut = [windows(utterance.sound) for utterance in batch]
        if not cut:
            return []
        stacked = torch.cat(cut)
        raw = _run(self._p835, stacked)
        p808 = _run(self._p808, log_mel(stacked[:, :-HOP]))[:, 0]
        counts = [part.shape[0] for part in cut]
        return [_mean(r, p) for r, p in zip(torch.split(raw, counts), torch.split(p808, counts), strict=True)]


def windows(sound: Sound) -> torch.Tensor:
    """The clip as both networks take it: float32 [windows, 144160], 16 kHz, trimmed, -23 LUFS; raises ValueError if empty."""
    speech = sound.level.samples
    length = speech.shape[0]
    if length == 0:
        raise ValueError("there is no speech to judge")
    if length <= WINDOW:
        return speech.repeat(math.ceil(WINDOW / length))[None, :WINDOW]
    count = math.ceil(length / WINDOW)
    starts = [round(index * (length - WINDOW) / (count - 1)) for index in range(count)]
    return torch.stack([speech[start : start + WINDOW] for start in starts])


def log_mel(waves: torch.Tensor) -> torch.Tensor:
    """P.808's features [n, frames, 120] of waves [n, samples]: mel spectrum in dB below its maximum, as (dB + 40) / 40."""
    return torch.stack([_log_mel(wave) for wave in waves])


def _log_mel(wave: torch.Tensor) -> torch.Tensor:
    """One wave at a time: a matrix product over a whole batch may round differently than over one."""
    padded = torch.nn.functional.pad(wave.to(torch.float64), (FFT // 2, FFT // 2))
    frames = padded.unfold(-1, FFT, HOP) * torch.hann_window(FFT, dtype=torch.float64)
    power = torch.fft.rfft(frames).abs().square()  # [frames, 161]
    decibels = 10.0 * torch.log10((power @ _mel_bank()).clamp(min=FLOOR))
    below = (decibels - decibels.max()).clamp(min=-DYNAMIC_DB)
    return ((below + 40.0) / 40.0).to(torch.float32)


@cache
def _mel_bank() -> torch.Tensor:
    """Triangles of unit area on Slaney's mel scale: float64 [161, 120]."""
    edges = _mel_to_hz(torch.linspace(0.0, _hz_to_mel(RATE / 2), MELS + 2, dtype=torch.float64))
    bins = torch.arange(FFT // 2 + 1, dtype=torch.float64) * RATE / FFT
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0.0) * (2.0 / (edges[2:] - edges[:-2]))


KNEE_HZ, KNEE_MEL = 1000.0, 15.0
"""Slaney's scale is linear (200/3 Hz per mel) up to the knee and logarithmic (27 mels for a factor 6.4) above."""
LOG_STEP = math.log(6.4) / 27.0


def _hz_to_mel(hertz: float) -> float:
    """For frequencies above the knee."""
    return KNEE_MEL + math.log(hertz / KNEE_HZ) / LOG_STEP


def _mel_to_hz(mel: torch.Tensor) -> torch.Tensor:
    return torch.where(mel < KNEE_MEL, mel * (KNEE_HZ / KNEE_MEL), KNEE_HZ * torch.exp(LOG_STEP * (mel - KNEE_MEL)))


def _mean(raw: torch.Tensor, p808: torch.Tensor) -> Metrics:
    scores = {"p808": math.fsum(p808.tolist()) / p808.shape[0]}
    for column, (name, (a, b, c)) in enumerate(CURVES.items()):
        values = [a * x * x + b * x + c for x in raw[:, column].tolist()]
        scores[name] = math.fsum(values) / len(values)
    return scores


def load_network(folder: Path, model: tuple[str, str]) -> onnxruntime.InferenceSession:
    """A network by (file name, SHA-256), on one thread; raises InfrastructureFault(JUDGE_UNAVAILABLE) if missing or different."""
    name, checksum = model
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        weights = (folder / name).read_bytes()
        if hashlib.sha256(weights).hexdigest() != checksum:
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{name} is not the DNSMOS network this version was built for")
        return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    except OSError as exc:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{name} cannot be read: {exc.strerror}") from exc


def networks() -> Path:
    """Where speechmos keeps its networks; it is found without being imported, because it imports what it does not declare."""
    spec = importlib.util.find_spec("speechmos")
    if spec is None or spec.origin is None:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, "speechmos is not installed")
    return Path(spec.origin).parent / "dnsmos_models"


def _run(session: onnxruntime.InferenceSession, batch: torch.Tensor) -> torch.Tensor:
    """The network's outputs, float32 [n, outputs]."""
    return torch.from_numpy(session.run(None, {"input_1": batch.contiguous().numpy()})[0])
