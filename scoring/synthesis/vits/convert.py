"""A voice as Piper's training leaves it becomes a repository of the family: an export (.onnx), or the tensors of a checkpoint.

Beside the weights lies Piper's description of the voice: `<file>.json`, or config.json in the same folder.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import VitsConfig, VitsModel

from scoring import strict_json
from scoring.errors import Code, PlatformError
from scoring.model import onnx_weights
from scoring.schema import first_fault
from scoring.synthesis.vits import piper
from scoring.synthesis.vits.adapter import check_settings
from scoring.synthesis.vits.table import NAME as TABLE
from scoring.synthesis.vits.table import Accent

EXPORT = ".onnx"
_MOST_BYTES = 2 << 30
_SIGNS = ",;:.!?"
"""Punctuation that Piper gives its networks; each has a space behind it."""
_BEGIN, _END, _BLANK = "^", "$", "_"


class _Part(BaseModel):
    """Part of Piper's description, as far as it is read here."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class _Audio(_Part):
    sample_rate: Annotated[int, Field(ge=8_000, le=48_000)]


class _Espeak(_Part):
    voice: Accent


class _Inference(_Part):
    noise_scale: float = 0.667
    length_scale: Annotated[float, Field(gt=0.0)] = 1.0
    noise_w: float = 0.8


class Description(_Part):
    """Piper's JSON of a voice."""

    audio: _Audio
    espeak: _Espeak
    inference: _Inference = _Inference()
    phoneme_type: Literal["espeak"] = "espeak"
    phoneme_id_map: dict[str, Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]]
    speaker_id_map: dict[str, Annotated[int, Field(ge=0)]] = {}


def convert(source: Path, weights: Path, target: Path) -> None:
    """Write the voice's config.json, model.safetensors, vocab.json, tokenizer_config.json and voice.json into a folder that exists.

    `source` is what its owner named; `weights` the same file, or the safetensors that were made of a pickled one. Raises PlatformError
    (ARGUMENT_INVALID) with what is wrong.
    """
    described = read_description(source)
    tensors = piper.convert(_read(weights))
    model = build(tensors, described)
    model.config.architectures = ["VitsModel"]
    model.config.save_pretrained(target)
    kept = {name: tensor.contiguous() for name, tensor in sorted(tensors.items())}
    save_file(kept, target / "model.safetensors", {"format": "pt"})
    for name, content in (
        ("vocab.json", _vocabulary(described, model.config.vocab_size)),
        ("tokenizer_config.json", _tokenizer()),
        (TABLE, _table(described, model.config.num_speakers)),
    ):
        (target / name).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def build(tensors: piper.Tensors, described: Description) -> VitsModel:
    """The network on no device: every tensor that it needs to speak is there, and of its shape; raises PlatformError."""
    config = VitsConfig(
        **piper.config_of(tensors),
        sampling_rate=described.audio.sample_rate,
        noise_scale=described.inference.noise_scale,
        noise_scale_duration=described.inference.noise_w,
        speaking_rate=1.0 / described.inference.length_scale,
    )
    try:
        check_settings(config)
    except ValueError as exc:
        raise piper.not_piper(f"of its description would become {exc}") from exc
    with torch.device("meta"):
        model = VitsModel(config)
    own = {name: tensor.shape for name, tensor in model.state_dict().items() if not name.startswith(piper.SILENT)}
    wrong = sorted(own.keys() ^ tensors.keys()) or sorted(name for name, shape in own.items() if tensors[name].shape != shape)
    if wrong:
        raise piper.not_piper(f"{wrong[0]} is missing, too many, or of another shape")
    return model


def read_description(source: Path) -> Description:
    """Piper's JSON beside a file; raises PlatformError where there is none, or one of another language or kind."""
    places = (source.with_name(f"{source.name}.json"), source.with_suffix(".json"), source.with_name("config.json"))
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise PlatformError(
            Code.ARGUMENT_INVALID, f"Piper's description of the voice is missing: {places[0]}, or config.json beside it."
        )
    try:
        with path.open("rb") as file:
            return Description.model_validate(strict_json.read_object(file.read(strict_json.MAX_BYTES + 1)))
    except ValidationError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path}: {first_fault(exc, 'the file')}") from exc
    except ValueError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path}: {exc}") from exc


def _read(weights: Path) -> dict[str, torch.Tensor]:
    """Tensors by Piper's names."""
    try:
        if weights.stat().st_size > _MOST_BYTES:
            raise piper.not_piper(f"{weights.name} is larger than {_MOST_BYTES >> 30} GiB")
        if weights.suffix != EXPORT:
            return load_file(weights)
        content = weights.read_bytes()
        return piper.named(onnx_weights.read(content), onnx_weights.readers(content))
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{weights} cannot be read: {exc.strerror}") from exc
    except (SafetensorError, ValueError) as exc:
        raise piper.not_piper(f"{weights.name}: {exc}") from exc


def _vocabulary(described: Description, most: int) -> dict[str, int]:
    found = {sign: numbers[0] for sign, numbers in described.phoneme_id_map.items() if len(sign) == 1 and numbers[0] < most}
    absent = [sign for sign in (_BLANK, _BEGIN, _END) if sign not in found]
    if absent or found[_BLANK] != 0:
        raise piper.not_piper(f"its phonemes have no {absent[0]!r}" if absent else "its blank is not phoneme 0")
    return found


def _tokenizer() -> dict[str, Any]:
    flags = {"add_blank": True, "normalize": False, "phonemize": True, "is_uroman": False}
    return {"tokenizer_class": "VitsTokenizer", "language": "en", "pad_token": _BLANK, "unk_token": "<unk>", **flags}


def _table(described: Description, speakers: int) -> Mapping[str, Any]:
    table: dict[str, Any] = {"accent": described.espeak.voice, "punctuation": _SIGNS, "frame": {"begin": _BEGIN, "end": _END}}
    if speakers <= 1:
        return table
    names = described.speaker_id_map or {str(number): number for number in range(speakers)}
    ordered = sorted(names.items(), key=lambda item: item[1])
    return table | {"speakers": [{"name": name, "id": number} for name, number in ordered if number < speakers]}
