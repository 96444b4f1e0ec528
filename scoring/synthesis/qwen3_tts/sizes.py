"""The sizes of a Qwen3-TTS and of its codec, as their config.json have them: what no network could have is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scoring import strict_json
from scoring.schema import first_fault

FILE = "config.json"
_Width = Annotated[int, Field(ge=1, le=65_536)]
_Count = Annotated[int, Field(ge=1, le=128)]
_Id = Annotated[int, Field(ge=0, le=1_000_000)]
_Positive = Annotated[float, Field(gt=0.0, le=1e9)]
_Small = Annotated[float, Field(gt=0.0, le=0.1)]
_LANGUAGE = "english"


class _Part(BaseModel):
    """Part of a config.json, as far as it is read."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


class _Rope(_Part):
    """How positions turn. All three positions of a token are equal, so how they share the numbers of a head says nothing."""

    rope_type: Literal["default"] = "default"


class _Transformer(_Part):
    hidden_size: _Width
    intermediate_size: _Width
    num_hidden_layers: _Count
    num_attention_heads: _Count
    num_key_value_heads: _Count
    head_dim: _Width
    vocab_size: _Width
    num_code_groups: Annotated[int, Field(ge=2, le=64)]
    rms_norm_eps: _Small = 1e-6
    hidden_act: Literal["silu"] = "silu"
    attention_bias: bool = False
    use_sliding_window: Literal[False] = False
    rope_theta: _Positive = 10_000.0
    rope_scaling: _Rope | None = None

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError("num_attention_heads is a multiple of num_key_value_heads")
        if self.head_dim % 2:
            raise ValueError("head_dim is even")
        return self

    def fields(self) -> dict[str, Any]:
        """As the official classes name them."""
        return self.model_dump(include=set(_Transformer.model_fields) - {"rope_scaling"})


class _Talker(_Transformer):
    text_hidden_size: _Width
    text_vocab_size: _Id
    code_predictor_config: _Transformer
    codec_bos_id: _Id
    codec_eos_token_id: _Id
    codec_pad_id: _Id
    codec_think_id: _Id
    codec_think_bos_id: _Id
    codec_think_eos_id: _Id
    codec_language_id: Mapping[str, _Id]
    spk_id: Mapping[str, _Id] = {}

    @model_validator(mode="after")
    def _holds_its_ids(self) -> Self:
        ids = [value for name, value in self if name.startswith("codec_") and isinstance(value, int)]
        if _LANGUAGE not in self.codec_language_id:
            raise ValueError(f"codec_language_id names no {_LANGUAGE}")
        if max(*ids, *self.codec_language_id.values(), *self.spk_id.values()) >= self.vocab_size:
            raise ValueError(
                f"an id of the codec, of a language or of a speaker is not below the vocab_size of {self.vocab_size}"
            )
        if self.code_predictor_config.num_code_groups != self.num_code_groups:
            raise ValueError("num_code_groups of talker and code predictor are the same")
        return self


class Sizes(_Part):
    """A model, as far as it is read."""

    tts_model_type: Literal["voice_design", "custom_voice"]
    """Whether it speaks in the voice of a description, or of a speaker that it was trained on."""
    tts_model_size: Literal["0b6", "1b7"]
    """Which of the published models it was trained from: of those with speakers only the larger hears an instruction."""
    talker_config: _Talker
    im_start_token_id: _Id
    im_end_token_id: _Id
    tts_pad_token_id: _Id
    tts_bos_token_id: _Id
    tts_eos_token_id: _Id

    @model_validator(mode="after")
    def _holds_its_marks(self) -> Self:
        if max(self.marks) >= self.talker_config.text_vocab_size:
            raise ValueError(f"a mark of a text is not below the text_vocab_size of {self.talker_config.text_vocab_size}")
        return self

    @property
    def marks(self) -> frozenset[int]:
        """The ids that no text may have."""
        ids = (self.im_start_token_id, self.im_end_token_id, self.tts_pad_token_id, self.tts_bos_token_id, self.tts_eos_token_id)
        return frozenset(ids)

    @property
    def language(self) -> int:
        """The code of the language that is spoken."""
        return self.talker_config.codec_language_id[_LANGUAGE]

    @property
    def hears(self) -> bool:
        """Whether a description reaches it."""
        return self.tts_model_type == "voice_design" or self.tts_model_size == "1b7"

    def official(self) -> dict[str, Any]:
        """What the official configuration is made of, beside the kind."""
        talker = self.talker_config
        rope = {"rope_type": "default", "mrope_section": [talker.head_dim // 2, 0, 0], "interleaved": True}
        sizes: dict[str, Any] = talker.fields() | {
            "text_hidden_size": talker.text_hidden_size,
            "text_vocab_size": talker.text_vocab_size,
            "rope_scaling": rope,
            "code_predictor_config": talker.code_predictor_config.fields(),
            "spk_id": {},
            "codec_language_id": {},
        }
        return {"talker_config": sizes, "tts_model_type": self.tts_model_type, "tts_model_size": self.tts_model_size}


class _Decoder(_Part):
    codebook_size: _Width
    codebook_dim: _Width
    hidden_size: _Width
    latent_dim: _Width
    intermediate_size: _Width
    num_attention_heads: _Count
    num_key_value_heads: _Count
    head_dim: _Width
    num_hidden_layers: _Count
    num_quantizers: Annotated[int, Field(ge=2, le=64)]
    sliding_window: _Width
    rms_norm_eps: _Small = 1e-5
    rope_theta: _Positive = 10_000.0
    decoder_dim: _Width
    upsample_rates: Annotated[tuple[_Count, ...], Field(strict=False)]
    upsampling_ratios: Annotated[tuple[_Count, ...], Field(strict=False)]


class CodecSizes(_Part):
    """The codec, as far as it is read."""

    decoder_config: _Decoder
    output_sample_rate: Literal[24_000]
    decode_upsample_rate: _Width
    """Samples of a frame."""


def read_sizes(model_dir: Path) -> Sizes:
    """The sizes of a folder's model; raises ValueError with the first place that is wrong."""
    try:
        return Sizes.model_validate(strict_json.read_file(model_dir / FILE))
    except ValidationError as exc:
        raise ValueError(f"{FILE}: {first_fault(exc, 'the file')}") from exc


def read_codec_sizes(folder: Path) -> CodecSizes:
    """The sizes of the codec; raises ValueError with the first place that is wrong."""
    try:
        return CodecSizes.model_validate(strict_json.read_file(folder / FILE))
    except ValidationError as exc:
        raise ValueError(f"{FILE} of the codec: {first_fault(exc, 'the file')}") from exc
