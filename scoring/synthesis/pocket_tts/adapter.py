"""The Pocket TTS family, by transformers' own layers: text preparation, length, random streams and voice are the competition's.

A repository brings the talker's weights, its sizes (config.json), its tokenizer, and three settings of the sampler. The codec and the
speaker's latents are pinned parts. Nothing of a repository is run: no processor, no chat template, no generation code.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers import (
    PocketTTSAudioTokenizerConfig,
    PocketTTSAudioTokenizerModel,
    PocketTTSConfig,
    PocketTTSForConditionalGeneration,
)
from transformers.utils import logging

from scoring import strict_json
from scoring.synthesis.length import DidNotStop
from scoring.synthesis.load import Dtype, PartsUnusable
from scoring.synthesis.pocket_tts.preparation import Piece, pieces
from scoring.synthesis.pocket_tts.talker import Row, Sampling, Talker
from scoring.synthesis.settings import read_settings
from scoring.synthesis.synthesiser import NotAllSpoken, NotSpoken, Request, Waveform
from scoring.synthesis.tensors import check_tensors, load_network
from scoring.synthesis.tokenizer import read_tokenizer, text_ids

_DTYPES = {"float32": torch.float32}
_FADE_SECONDS = 0.005
"""A decoder that begins anew begins with a step, which is heard as a click."""
_SIZES = frozenset(
    [
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "head_dim",
        "intermediate_size",
        "hidden_act",
        "layer_norm_eps",
        "max_position_embeddings",
        "rope_parameters",
        "latent_dim",
        "frame_rate",
        "pad_token_id",
        "audio_prompt_token_id",
        "audio_latent_token_id",
        "audio_prompt_bos_token_id",
        "audio_bos_token_id",
        "flow_head_config",
    ]
)
"""The keys of config.json that are read."""


class PocketTTS:
    """A loaded model."""

    family = "pocket_tts"

    def __init__(self, talker: Talker, codec: PocketTTSAudioTokenizerModel, words: "Words") -> None:
        self.talker = talker
        self._codec, self._words = codec, words
        self.sample_rate = int(codec.config.sampling_rate)

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """All pieces of all requests as rows of one batch; raises NotAllSpoken where a request fails."""
        results = self._say([self._rows_or_reason(request) for request in batch])
        spoken = [result for result in results if not isinstance(result, NotSpoken)]
        if len(spoken) < len(batch):
            raise NotAllSpoken(results)
        return spoken

    def _rows_or_reason(self, request: Request) -> list[Row] | NotSpoken:
        try:
            return self.rows(request)
        except ValueError as exc:
            return NotSpoken(str(exc))

    def _say(self, asked: Sequence[list[Row] | NotSpoken]) -> list[Waveform | NotSpoken]:
        said = iter(self.talker.say([row for rows in asked if not isinstance(rows, NotSpoken) for row in rows]))
        return [rows if isinstance(rows, NotSpoken) else self._joined([next(said) for _ in rows]) for rows in asked]

    def _joined(self, pieces: Sequence[Tensor | DidNotStop]) -> Waveform | NotSpoken:
        """A request's sound; one piece that did not stop fails it."""
        failed = next((piece for piece in pieces if isinstance(piece, DidNotStop)), None)
        return NotSpoken(str(failed)) if failed else self._decoded([piece for piece in pieces if isinstance(piece, Tensor)])

    def rows(self, request: Request) -> list[Row]:
        """A request's pieces for the talker; raises ValueError for a text, or tokens of it, that nobody can say."""
        rate = self._codec.config.frame_rate
        return [self._row(piece, request.seed + number) for number, piece in enumerate(pieces(request.text, rate))]

    def _row(self, piece: Piece, seed: int) -> Row:
        return Row(ids=self._words.ids(piece.text), most_frames=piece.most_frames, tail_frames=piece.tail_frames, seed=seed)

    @torch.inference_mode()
    def _decoded(self, parts: Sequence[Tensor]) -> Waveform:
        """Each piece's latents decoded alone, one after the other."""
        fade = torch.linspace(0.0, 1.0, int(_FADE_SECONDS * self.sample_rate))
        sounds = [self._codec.decode(latents[None].float()).audio_values[0, 0].float() for latents in parts]
        for sound in sounds:
            sound[: len(fade)] *= fade[: len(sound)]
        waveform: Waveform = torch.cat(sounds).numpy()
        return waveform


class Words:
    """A repository's tokenizer, held to the model's own tokens: no placeholder of a sound, and no id beyond the embedding."""

    def __init__(self, tokenizer: Tokenizer, config: PocketTTSConfig) -> None:
        self._tokenizer = tokenizer
        self._placeholders = _placeholders(config)
        self._size = config.vocab_size

    def ids(self, text: str) -> tuple[int, ...]:
        """The text's tokens; raises ValueError for one that no text may have, for none, and for too many."""
        return text_ids(self._tokenizer, text, self._size, self._placeholders)


def load(model_dir: Path, parts: Path | None, threads: int, dtype: Dtype) -> PocketTTS:
    """Load the talker from a folder, codec and voice from the pinned parts; nothing is fetched and no code of the model is run.

    Raises PartsUnusable, and ValueError, or an error of transformers' own, unless the files hold exactly the model's tensors, sizes that
    fit each other and the codec, and settings in their range.
    """
    if parts is None:
        raise PartsUnusable("no codec and no voice are pinned for pocket_tts")
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # what a guest prints is logged
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    codec, voice = _opened(parts)
    config = _config(model_dir, codec.config)
    words = Words(read_tokenizer(model_dir / "tokenizer.json"), config)
    model = _talker_model(model_dir, config, _DTYPES[dtype])
    return PocketTTS(Talker(model, voice, _sampling(model_dir), marks_voice=_marks_voice(model_dir)), codec, words)


def _opened(parts: Path) -> tuple[PocketTTSAudioTokenizerModel, Tensor]:
    """The pinned codec, and the latents of the pinned voice."""
    try:
        return _codec(parts / "codec"), load_file(parts / "speaker" / "latents.safetensors")["latents"]
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as exc:
        raise PartsUnusable(f"{type(exc).__name__}: {exc}") from exc


def _codec(folder: Path) -> PocketTTSAudioTokenizerModel:
    """The pinned codec's decoder."""
    config = PocketTTSAudioTokenizerConfig.from_pretrained(folder, local_files_only=True)
    config.encoder_config = None
    codec = PocketTTSAudioTokenizerModel.from_pretrained(
        folder, config=config, local_files_only=True, use_safetensors=True, dtype=torch.float32, attn_implementation="sdpa"
    )
    codec.train(False)
    return codec


def _config(model_dir: Path, codec: PocketTTSAudioTokenizerConfig) -> PocketTTSConfig:
    """The repository's sizes; every other key of its config.json is passed over."""
    raw = strict_json.read_file(model_dir / "config.json")
    sizes: dict[str, Any] = {key: value for key, value in raw.items() if key in _SIZES}
    config = PocketTTSConfig(**sizes)
    rope: Any = config.rope_parameters
    if rope["rope_type"] != "default":  # the others turn a row as the longest one of its batch asks
        raise ValueError(f"config.json: rope_parameters are of rope_type {rope['rope_type']!r}, not 'default'")
    if config.latent_dim != codec.latent_dim or config.frame_rate != codec.frame_rate:
        raise ValueError(
            f"config.json: latents of {config.latent_dim} at {config.frame_rate:g} frames a second do not fit the pinned codec, "
            f"which has {codec.latent_dim} at {codec.frame_rate:g}"
        )
    if wrong := sorted(token for token in _placeholders(config) if not 0 <= token < config.vocab_size):
        raise ValueError(f"config.json: the ids {wrong} of audio tokens lie outside the vocabulary of {config.vocab_size}")
    return config


def _placeholders(config: PocketTTSConfig) -> frozenset[int]:
    return frozenset(
        (
            config.audio_prompt_token_id,
            config.audio_latent_token_id,
            config.audio_prompt_bos_token_id,
            config.audio_bos_token_id,
        )
    )


def _talker_model(model_dir: Path, config: PocketTTSConfig, dtype: torch.dtype) -> PocketTTSForConditionalGeneration:
    from_pretrained = PocketTTSForConditionalGeneration.from_pretrained
    # Sizes are looked at next, but for those that never speak.
    model: PocketTTSForConditionalGeneration = load_network(
        from_pretrained, model_dir, config, dtype, ignore_mismatched_sizes=True
    )
    check_tensors(model_dir, model.state_dict(), Path(__file__).with_name("family.toml"))
    return model


def _marks_voice(model_dir: Path) -> bool:
    """Whether the model was trained with a mark before the voice: its tokenizer's settings then name one, as transformers has it."""
    found = strict_json.read_file(model_dir / "tokenizer_config.json")
    places = [found, *(found.get(key) for key in ("extra_special_tokens", "model_specific_special_tokens"))]
    return any(isinstance(place, dict) and place.get("audio_prompt_bos_token") is not None for place in places)


def _sampling(model_dir: Path) -> Sampling:
    found = read_settings(model_dir, Path(__file__).with_name("family.toml"))
    return Sampling(
        temperature=found["temperature"], eos_threshold=found["eos_threshold"], num_flow_steps=int(found["num_flow_steps"])
    )
