"""The Llama with SNAC family, by transformers' own layers: line, length, order of codes and random streams are the competition's.

A repository brings a Llama's weights, its sizes (config.json), its tokenizer, three settings of the sampler and perhaps a name. The
codec is a pinned part. Nothing of a repository is run: no chat template, no generation code.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from scoring import strict_json
from scoring.synthesis.llama_snac import snac
from scoring.synthesis.llama_snac.ids import CODES, LAST, LEVELS, is_text
from scoring.synthesis.llama_snac.preparation import line, most_frames, read_name
from scoring.synthesis.llama_snac.talker import Row, Sampling, Speech, Talker, Unsaid
from scoring.synthesis.load import Device, Dtype, PartsUnusable
from scoring.synthesis.settings import read_settings
from scoring.synthesis.synthesiser import NotSpoken, Request, Waveform, say_together
from scoring.synthesis.tensors import DTYPES, check_tensors, held_names, load_network
from scoring.synthesis.tokenizer import read_tokenizer

_MANIFEST = Path(__file__).with_name("family.toml")
_HEAD = "lm_head.weight"
_MOST_TOKENS = 800
"""Of one line: a tokenizer that gives more would only take time."""
_MOST = {
    "vocab_size": 200_000,
    "hidden_size": 16_384,
    "intermediate_size": 65_536,
    "num_hidden_layers": 128,
    "num_attention_heads": 256,
    "num_key_value_heads": 256,
    "head_dim": 1_024,
    "max_position_embeddings": 1 << 20,
}
"""The most of each size that is read of config.json; a network is laid out before its tensors are looked at."""
_OTHERS = ("rms_norm_eps", "rope_parameters", "rope_scaling", "rope_theta", "tie_word_embeddings", "attention_bias", "mlp_bias")
"""The other keys of config.json that are read."""
_ROPE_TYPES = ("default", "linear", "llama3", "yarn")
"""Ways to turn positions that do not hang on how long the other rows of a batch are."""


class LlamaSnac:
    """A loaded model."""

    family = "llama_snac"

    def __init__(self, talker: Talker, codec: snac.Snac, words: "Words") -> None:
        self.talker = talker
        self._codec, self._words = codec, words
        self.sample_rate = codec.sizes.sampling_rate

    def to(self, device: Device) -> None:
        """Move talker and codec."""
        self.talker.to(device)
        self._codec.to(device)

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """All requests as rows of one batch; raises NotAllSpoken where a request fails."""
        return say_together(batch, self.row, self.talker.say, self._waveform)

    def row(self, request: Request) -> Row:
        """A request's line for the talker; raises ValueError for a text, or tokens of it, that nobody can say."""
        frames = most_frames(request.text, self.sample_rate / self._codec.sizes.frame_samples)
        return Row(ids=self._words.ids(request), most_frames=frames, seed=request.seed)

    def _waveform(self, said: Speech | Unsaid) -> Waveform | NotSpoken:
        """Each row decoded alone; the codec's noise goes on in the row's own stream."""
        if isinstance(said, Unsaid):
            return NotSpoken(str(said))
        waveform: Waveform = self._codec.decode(by_level(said.codes), said.stream).cpu().numpy()
        return waveform


def by_level(codes: Tensor) -> list[Tensor]:
    """Codes in frames, shape (frames, SLOTS), as the codec's levels, from coarse to fine."""
    return [codes[:, slots].flatten() for slots in LEVELS]


class Words:
    """A repository's tokenizer and name, held to the ids of texts: none of a sound or of a turn, and none beyond the embedding."""

    def __init__(self, tokenizer: Tokenizer, size: int, name: str | None) -> None:
        self._tokenizer, self._size, self._name = tokenizer, size, name

    def ids(self, request: Request) -> tuple[int, ...]:
        """The tokens of a request's line; raises ValueError for one that no line may have, for none, and for too many."""
        said = line(request.text, request.description, self._name)
        found = tuple(self._tokenizer.encode(said, add_special_tokens=False).ids)
        if not 0 < len(found) <= _MOST_TOKENS:
            raise ValueError(f"the tokenizer makes {len(found)} tokens of a text; there may be 1 to {_MOST_TOKENS}")
        if wrong := [token for token in found if token >= self._size or not is_text(token)]:
            raise ValueError(f"the tokenizer gives the id {wrong[0]}, which is no text token of this model")
        return found


def load(model_dir: Path, parts: Path | None, threads: int, dtype: Dtype) -> LlamaSnac:
    """Load the talker from a folder, the codec from the pinned parts; nothing is fetched and no code of the model is run.

    Raises PartsUnusable, and ValueError, or an error of transformers' own, unless the files hold exactly the model's tensors, sizes that
    fit each other and the ids of this family, and settings in their range.
    """
    if parts is None:
        raise PartsUnusable("no codec is pinned for llama_snac")
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # what a guest prints is logged
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    codec = pinned_codec(parts / "codec")
    config = _config(model_dir)
    words = Words(read_tokenizer(model_dir / "tokenizer.json"), config.vocab_size, read_name(model_dir))
    return LlamaSnac(Talker(_llama(model_dir, config, DTYPES[dtype]), _sampling(model_dir)), codec, words)


def pinned_codec(folder: Path) -> snac.Snac:
    """The pinned codec; raises PartsUnusable unless it is one of the models' own kind."""
    try:
        found = snac.load(folder)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as exc:
        raise PartsUnusable(f"{type(exc).__name__}: {exc}") from exc
    strides = tuple(len(LEVELS[-1]) // len(slots) for slots in LEVELS)
    if (found.sizes.codebook_size, found.sizes.vq_strides) != (CODES, strides):
        raise PartsUnusable(f"the codec has no {len(strides)} levels of {CODES} codes, each twice as dense as the one before")
    return found


def _config(model_dir: Path) -> LlamaConfig:
    """The repository's sizes; every other key of its config.json is passed over."""
    raw = strict_json.read_file(model_dir / "config.json")
    for key, most in _MOST.items():
        value = raw.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most):
            raise ValueError(f"config.json: {key} is {str(value)[:40]}; it is a whole number from 1 to {most}")
    sizes: dict[str, Any] = {key: raw[key] for key in (*_MOST, *_OTHERS) if key in raw}
    config = LlamaConfig(**sizes)
    rope: Any = config.rope_parameters
    if rope["rope_type"] not in _ROPE_TYPES:
        raise ValueError(f"config.json: rope_parameters are of rope_type {rope['rope_type']!r}, not of {', '.join(_ROPE_TYPES)}")
    if config.vocab_size <= LAST:
        raise ValueError(
            f"config.json: a vocabulary of {config.vocab_size} has no room for the codes of a sound, up to the id {LAST}"
        )
    config.tie_word_embeddings = config.tie_word_embeddings and _HEAD not in held_names(model_dir)
    return config


def _llama(model_dir: Path, config: LlamaConfig, dtype: torch.dtype) -> LlamaForCausalLM:
    """The network; its tensors are held against the layout before memory is given to any."""
    with torch.device("meta"):
        layout = LlamaForCausalLM(config).state_dict()
    if config.tie_word_embeddings:
        del layout[_HEAD]
    check_tensors(model_dir, layout, _MANIFEST)
    model: LlamaForCausalLM = load_network(LlamaForCausalLM.from_pretrained, model_dir, config, dtype)
    return model


def _sampling(model_dir: Path) -> Sampling:
    return Sampling(**read_settings(model_dir, _MANIFEST))
