"""DNSMOS's networks as `speechmos` ships them: their files, held against checksums, the input of P.808's, and what their outputs mean."""

import hashlib
import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import onnxruntime
import torch

from scoring.audio.mel import mel_bank
from scoring.errors import Code, InfrastructureFault
from scoring.report import Metrics

WINDOW = 144_160
"""Samples in the 9.01 s that both networks take, at 16 kHz."""
CURVES = {
    "sig": (-0.08397278, 1.22083953, 0.0052439),
    "bak": (-0.13166888, 1.60915514, -0.39604546),
    "ovr": (-0.06766283, 1.11546468, 0.04602535),
}
"""The published quadratics (a, b, c) from raw P.835 outputs to the opinion scale."""

FFT, HOP, MELS = 321, 160, 120
"""The input of P.808: 321-point frames each 10 ms, 120 mel bands on Slaney's scale."""
FLOOR = 1e-10
DYNAMIC_DB = 80.0


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """A network by its file's name and SHA-256."""

    name: str
    sha256: str


P835 = NetworkFile("sig_bak_ovr.onnx", "269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd")
P808 = NetworkFile("model_v8.onnx", "9246480c58567bc6affd4200938e77eef49468c8bc7ed3776d109c07456f6e91")


def folder() -> Path:
    """The folder of speechmos' networks; it is found without an import, because speechmos imports packages that it does not declare."""
    spec = importlib.util.find_spec("speechmos")
    if spec is None or spec.origin is None:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, "speechmos is not installed")
    return Path(spec.origin).parent / "dnsmos_models"


def read(where: Path, network: NetworkFile) -> bytes:
    """A network's file; raises InfrastructureFault(JUDGE_UNAVAILABLE) if it is missing or another one."""
    try:
        model = (where / network.name).read_bytes()
    except OSError as exc:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{network.name} cannot be read: {exc.strerror}") from exc
    if hashlib.sha256(model).hexdigest() != network.sha256:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{network.name} is not the DNSMOS network this version was built for")
    return model


def session(model: bytes) -> onnxruntime.InferenceSession:
    """A network ready to run, on one thread.

    Its memory is kept between runs: as long as all runs have one shape, it is 200 MB for P.835 and never grows, and a run is a
    fifth faster than with memory that is given back.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def log_mel(wave: torch.Tensor) -> torch.Tensor:
    """P.808's input, decibels below the maximum: float32 [frames, 120] of a wave [samples] at 16 kHz, as (dB + 40) / 40, in [-1, 1].

    One wave at a time: a matrix product over a whole batch may round differently than over one.
    """
    padded = torch.nn.functional.pad(wave.to(torch.float64), (FFT // 2, FFT // 2))
    spectrum = torch.fft.rfft(padded.unfold(-1, FFT, HOP) * _window())  # [frames, 161]
    power = spectrum.real.square() + spectrum.imag.square()
    decibels = 10.0 * torch.log10((power @ mel_bank(FFT, MELS)).clamp(min=FLOOR))
    below = (decibels - decibels.max()).clamp(min=-DYNAMIC_DB)
    return ((below + 40.0) / 40.0).to(torch.float32)


@cache
def _window() -> torch.Tensor:
    return torch.hann_window(FFT, dtype=torch.float64)


def opinions(raw: Sequence[Sequence[float]], p808: Sequence[float]) -> Metrics:
    """Mean over a clip's windows, on the opinion scale 1 … 5, more is better: `sig`, `bak`, `ovr` of raw P.835 rows, `p808` as it is.

    `mean over windows of a x² + b x + c`, with the published (a, b, c) of each output x; `raw` is [windows, 3], `p808` is [windows].

    >>> {name: round(value, 2) for name, value in opinions([[4.0, 4.0, 3.5]], [3.6]).items()}
    {'p808': 3.6, 'sig': 3.55, 'bak': 3.93, 'ovr': 3.12}
    """
    scores = {"p808": math.fsum(p808) / len(p808)}
    for column, (name, (a, b, c)) in enumerate(CURVES.items()):
        scores[name] = math.fsum(a * row[column] ** 2 + b * row[column] + c for row in raw) / len(raw)
    return scores
