"""The VITS family, by transformers' own network; text, symbols and the voice's table are read by the modules beside this one."""

import tomllib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import VitsModel
from transformers.utils import logging

from scoring.synthesis.load import Dtype
from scoring.synthesis.synthesiser import Request, Waveform
from scoring.synthesis.vits.symbols import Symbols, read_symbols
from scoring.synthesis.vits.table import Speaker, VoiceTable, asked_for, read_table

_DTYPES = {"float32": torch.float32}
_RANGES: Mapping[str, tuple[float, float]] = {
    "speaking_rate": (0.25, 4.0),
    "noise_scale": (0.0, 2.0),
    "noise_scale_duration": (0.0, 2.0),
}
"""What a repository may set of how it speaks, in config.json, and from where to where."""


class Vits:
    """A loaded VITS. Each prompt is spoken alone from its own random stream: in a padded batch its length would depend on others."""

    family = "vits"

    def __init__(self, model: Any, symbols: Symbols, table: VoiceTable) -> None:
        self._model, self._symbols, self._table = model, symbols, table
        self._rate = float(model.config.speaking_rate)
        self.sample_rate = int(model.config.sampling_rate)

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """One forward pass per request."""
        return [self._say(request) for request in batch]

    @torch.inference_mode()
    def _say(self, request: Request) -> Waveform:
        numbers = torch.tensor([self._symbols.of(request.text, self._table)])  # [1, symbols]
        rate = asked_for(self._table.rate, request.description)
        loudness = asked_for(self._table.loudness, request.description)
        speaker = _speaker(self._table.speakers, request.description)
        self._model.speaking_rate = self._rate * (1.0 if rate is None else rate.factor)
        torch.manual_seed(request.seed)
        spoken = self._model(input_ids=numbers, speaker_id=None if speaker is None else speaker.id).waveform[0]  # [n]
        gain = np.float32(1.0 if loudness is None else 10.0 ** (loudness.gain / 20.0))
        waveform: Waveform = spoken.float().numpy() * gain
        return waveform


def _speaker(speakers: Sequence[Speaker], description: str) -> Speaker | None:
    """The speaker that is asked for, or the first one; None for a network of one voice."""
    return asked_for(speakers, description) or next(iter(speakers), None)


def load(model_dir: Path, parts: Path | None, threads: int, dtype: Dtype) -> Vits:  # noqa: ARG001 - nothing is pinned for this family
    """Load a folder's config, safetensors, symbols and table; nothing is fetched and no code of the model is run.

    Raises ValueError with what is wrong: among others a tensor that is not the network's, one that is missing (it would be drawn at
    random), and a network of several speakers none of whom is named.
    """
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # tensors that never speak need not be there
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    loaded: Any = VitsModel.from_pretrained(
        model_dir,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=_DTYPES[dtype],
        output_loading_info=True,
    )
    model, found = loaded  # what `output_loading_info` adds is not in the declared type
    _check_tensors(found["unexpected_keys"], found["missing_keys"])
    _check_settings(model.config)
    table = read_table(model_dir)
    _check_speakers(table.speakers, model.config.num_speakers)
    symbols = read_symbols(model_dir, table, model.config.vocab_size)
    model.train(False)
    return Vits(model, symbols, table)


def _check_tensors(surplus: Sequence[str], missing: Sequence[str]) -> None:
    """Tensors that never speak may be there or not."""
    manifest = tomllib.loads(Path(__file__).with_name("family.toml").read_text(encoding="utf-8"))
    unused = manifest["identity"]["unused"]
    wrong = [
        sorted(name for name in names if not any(fnmatchcase(name, pattern) for pattern in unused))
        for names in (surplus, missing)
    ]
    if any(wrong):
        raise ValueError(f"tensors too many: {wrong[0][:3]}, missing: {wrong[1][:3]}")


def _check_settings(config: Any) -> None:
    for name, (least, most) in _RANGES.items():
        value = getattr(config, name)
        if not isinstance(value, int | float) or not least <= value <= most:
            raise ValueError(f"config.json: {name} is {str(value)[:40]}, which is not from {least:g} to {most:g}")


def _check_speakers(speakers: Sequence[Speaker], count: int) -> None:
    if count > 1 and not speakers:
        raise ValueError(f"the network has {count} speakers, and voice.json names none of them: nobody knows who should speak")
    if count <= 1 and speakers:
        raise ValueError("voice.json names speakers, and the network has one voice")
    strangers = [speaker.name for speaker in speakers if speaker.id >= count]
    if strangers:
        raise ValueError(f"voice.json: the network has {count} speakers, numbered from 0; {strangers[0]!r} is beyond them")
