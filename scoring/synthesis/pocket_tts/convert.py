"""A model as the official training code leaves it becomes a repository of the family.

What is read: the weights (`model.safetensors` of a run, or the tensors of a checkpoint), the model's own settings (a YAML file with a
section `flow_lm`) and its tokenizer (`tokenizer.json`), which lie in one folder. The codec that such weights carry is left out: it is
the competition's.
"""

import json
import re
from pathlib import Path
from typing import Any

import torch
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import PocketTTSConfig, PocketTTSForConditionalGeneration

from scoring import strict_json
from scoring.errors import Code, PlatformError
from scoring.schema import first_fault
from scoring.synthesis import settings as repository_settings
from scoring.synthesis.pocket_tts import official

_WEIGHTS = "model.safetensors"
_TOKENIZER = "tokenizer.json"
_SETTINGS_BYTES = 64 << 10
_TOKENIZER_BYTES = 32 << 20
_MOST_BYTES = 8 << 30
_FLOWS = ("lsd", "drifting")
"""Samplers of the official code that transformers has too."""


class _Part(BaseModel):
    """Part of the official settings, as far as it is read here."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class _Flow(_Part):
    type: str = "lsd"


class _Transformer(_Part):
    num_heads: int
    max_period: float = 10_000.0
    num_kv_heads: int | None = None


class _FlowLM(_Part):
    flow: _Flow
    transformer: _Transformer


class Settings(_Part):
    """The official YAML of a model."""

    flow_lm: _FlowLM
    default_temperature: float = 0.3
    default_eos_threshold: float = -4.0


def convert(source: Path, weights: Path, target: Path) -> None:
    """Write config.json, model.safetensors, tokenizer and generation settings into a folder that exists.

    `source` is the run's folder or its weights; `weights` the same, or the safetensors that were made of a pickled checkpoint. Raises
    PlatformError(ARGUMENT_INVALID) with what is wrong.
    """
    folder = source if source.is_dir() else source.parent
    settings = read_settings(folder)
    attention = settings.flow_lm.transformer
    found = _read(weights / _WEIGHTS if weights.is_dir() else weights)
    tensors = official.renamed(found, attention.num_heads, attention.num_kv_heads)
    config = _config(tensors, settings)
    _check(tensors, config)
    names = [name for name in official.AUDIO_TOKENS if name != official.MARK or official.has_mark(found)]
    tokenizer = _tokenizer(folder, config.vocab_size - len(official.AUDIO_TOKENS))
    tokenizer.add_special_tokens([official.AUDIO_TOKENS[name] for name in names])
    config.architectures = ["PocketTTSForConditionalGeneration"]
    config.save_pretrained(target)
    save_file({name: tensor.contiguous() for name, tensor in sorted(tensors.items())}, target / _WEIGHTS, {"format": "pt"})
    tokenizer.save(str(target / _TOKENIZER))
    sampler = {"temperature": settings.default_temperature, "eos_threshold": settings.default_eos_threshold, "num_flow_steps": 1}
    for name, content in (
        ("tokenizer_config.json", {name: official.AUDIO_TOKENS[name] for name in names}),
        ("generation_config.json", {"do_sample": True} | sampler),
    ):
        (target / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    try:
        repository_settings.read_settings(target, Path(__file__).with_name("family.toml"))
    except ValueError as exc:
        raise official.not_official(f"of its YAML would become {exc}") from exc


def read_settings(folder: Path) -> Settings:
    """The one YAML file of a folder that describes a model; raises PlatformError where there is none, or several."""
    described = [
        (path, raw) for path in sorted(folder.glob("*.yaml")) if isinstance(raw := _yaml(path), dict) and "flow_lm" in raw
    ]
    if len(described) != 1:
        raise PlatformError(
            Code.ARGUMENT_INVALID,
            f"{folder} holds {len(described)} files of a model's settings; it needs one: the YAML with a section `flow_lm` that "
            "training was given as model_config.",
        )
    path, raw = described[0]
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path}: {first_fault(exc, 'the file')}") from exc
    if settings.flow_lm.flow.type not in _FLOWS:
        raise official.not_official(f"its sampler is {settings.flow_lm.flow.type[:40]!r}; there are {' and '.join(_FLOWS)}")
    return settings


def _yaml(path: Path) -> object:
    try:
        with path.open("rb") as file:
            content = file.read(_SETTINGS_BYTES + 1)
        if len(content) > _SETTINGS_BYTES or b"&" in content:  # an anchor could unfold without end
            return None
        return yaml.safe_load(content)
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} cannot be read: {exc.strerror}") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} is no YAML") from exc


def _read(path: Path) -> official.Tensors:
    """The tensors of a safetensors file."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise official.not_official(f"{path.name} is larger than {_MOST_BYTES >> 30} GiB")
        return load_file(path)
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} cannot be read: {exc.strerror or exc}") from exc
    except SafetensorError as exc:
        raise official.not_official(f"{path.name}: {exc}") from exc


def _config(tensors: official.Tensors, settings: Settings) -> PocketTTSConfig:
    """The sizes that the tensors have; raises PlatformError where one that tells them is missing."""
    attention = settings.flow_lm.transformer
    try:
        vocabulary, hidden = tensors["model.embed_tokens.weight"].shape
        first = vocabulary - len(official.AUDIO_TOKENS)
        sound: dict[str, Any] = {f"{name}_id": first + number for number, name in enumerate(official.AUDIO_TOKENS)}
        drifts = settings.flow_lm.flow.type == "drifting"
        return PocketTTSConfig(
            vocab_size=vocabulary,
            hidden_size=hidden,
            num_hidden_layers=_count(tensors, r"model\.layers\.(\d+)\."),
            num_attention_heads=attention.num_heads,
            num_key_value_heads=attention.num_kv_heads or attention.num_heads,
            head_dim=tensors["model.layers.0.self_attn.q_proj.weight"].shape[0] // attention.num_heads,
            intermediate_size=tensors["model.layers.0.mlp.fc1.weight"].shape[0],
            rope_parameters={"rope_type": "default", "rope_theta": attention.max_period},
            latent_dim=tensors["latent_std"].shape[0],
            flow_head_config={
                "hidden_size": tensors["flow_head.input_proj.weight"].shape[0],
                "num_hidden_layers": _count(tensors, r"flow_head\.layers\.(\d+)\."),
                "latent_dim": tensors["latent_std"].shape[0],
                "condition_dim": hidden,
                "flow_type": settings.flow_lm.flow.type,
            }
            | ({} if drifts else {"frequency_embedding_size": tensors["flow_head.timestep_embeddings.0.fc1.weight"].shape[1]}),
            **sound,
        )
    except KeyError as exc:
        raise official.not_official(f"what becomes {exc.args[0]} is missing") from exc


def _count(tensors: official.Tensors, pattern: str) -> int:
    """Layers of a kind, by the highest number among their tensors' names."""
    return 1 + max((int(match[1]) for name in tensors if (match := re.match(pattern, name))), default=-1)


def _check(tensors: official.Tensors, config: PocketTTSConfig) -> None:
    """Every tensor that speaks is there and of its shape, and there is no other; raises PlatformError."""
    with torch.device("meta"):
        model = PocketTTSForConditionalGeneration(config)
    own = {name: tensor.shape for name, tensor in model.state_dict().items() if not name.startswith(official.TRAINING_ONLY)}
    wrong = sorted(own.keys() ^ tensors.keys()) or sorted(name for name, shape in own.items() if tensors[name].shape != shape)
    if wrong:
        raise official.not_official(f"what becomes {wrong[0]} is missing, too many, or of another shape")


def _tokenizer(folder: Path, size: int) -> Tokenizer:
    """The model's tokenizer, of so many tokens; raises PlatformError."""
    path = folder / _TOKENIZER
    if not path.is_file():
        raise PlatformError(
            Code.ARGUMENT_INVALID,
            f"{path} is missing: put the model's tokenizer there. The official training/scripts/convert_tokenizer.py makes it of a "
            "SentencePiece model.",
        )
    try:
        with path.open("rb") as file:
            raw = strict_json.read_object(file.read(_TOKENIZER_BYTES + 1), _TOKENIZER_BYTES)
        if not isinstance(raw.get("model"), dict):
            raise ValueError("it has no model")
    except ValueError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} is no tokenizer: {exc}") from exc
    found = Tokenizer.from_str(json.dumps(raw))
    if found.get_vocab_size() != size:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} has {found.get_vocab_size()} tokens, and the model {size}.")
    return found
