"""A local score as one HTML file: players, pictures, numbers and reasons of every sample, with nothing to fetch."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scoring.foreign_words import in_template
from scoring.report import Factor
from scoring.types import MICRO
from voice_api.web.listening import pictures, sound

if TYPE_CHECKING:
    from scoring.audio.spoken import Spoken

_FULL_SCALE = 32_768.0
_TEMPLATE = "report.html.j2"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """A sample's sound as a page shows it: data URIs of a small copy and of its pictures, and its measures."""

    audio: str
    waveform: str
    spectrogram: str
    lufs: float
    seconds: float


def write(path: Path, report: Mapping[str, Any], spoken: "Mapping[str, Spoken]", remark: str) -> None:
    """Write the page of a report (`voice miner score --json`) and its sounds; `remark` compares it with the king. Raises OSError."""
    path.write_text(page(report, spoken, remark), encoding="utf-8")


def page(report: Mapping[str, Any], spoken: "Mapping[str, Spoken]", remark: str) -> str:
    """The page, its samples from the lowest score to the highest."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=in_template,
    )
    samples: Sequence[Mapping[str, Any]] = sorted(report["samples"], key=lambda sample: (sample["score"], sample["prompt_id"]))
    factors = [factor for factor in Factor if any(factor in sample["utilities"] for sample in samples)]
    heard = {prompt: _heard(said) for prompt, said in spoken.items() if said.pcm}
    means = {factor: _mean([s["utilities"][factor] for s in samples if factor in s["utilities"]]) for factor in factors}
    shown = {"report": report, "samples": samples, "factors": factors, "means": means, "heard": heard, "remark": remark}
    return environment.get_template(_TEMPLATE).render(**shown, micro=MICRO)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _heard(said: "Spoken") -> _Heard:
    samples = (np.frombuffer(said.pcm, dtype="<i2") / _FULL_SCALE).astype(np.float32)
    clip = sound.Sound(samples, said.rate)
    return _Heard(
        audio=_uri("audio/ogg", sound.opus(clip)),
        waveform=_uri("image/svg+xml", pictures.waveform(clip).encode()),
        spectrogram=_uri("image/png", pictures.spectrogram(clip)),
        lufs=sound.loudness(clip),
        seconds=clip.seconds,
    )


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
