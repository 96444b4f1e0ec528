"""The sizes of a CSM, as its config.json has them: what is no size is passed over, what no network could have is refused."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from transformers import CsmConfig, CsmDepthDecoderConfig, MimiConfig

from scoring import strict_json
from scoring.schema import first_fault

FILE = "config.json"
_Width = Annotated[int, Field(ge=1, le=65_536)]
_Count = Annotated[int, Field(ge=1, le=128)]
_Positive = Annotated[float, Field(gt=0.0, le=1e9)]


class _Part(BaseModel):
    """Part of a config.json, as far as it is read."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


class _Rope(_Part):
    """How positions turn. Other kinds turn a row as the longest of its batch asks, or are in no published model."""

    rope_type: Literal["default", "llama3"] = "default"
    rope_theta: _Positive | None = None
    factor: _Positive = 32.0
    low_freq_factor: _Positive = 0.125
    high_freq_factor: _Positive = 0.5
    original_max_position_embeddings: _Width = 1024

    @model_validator(mode="after")
    def _has_a_range(self) -> Self:
        if not self.low_freq_factor < self.high_freq_factor:
            raise ValueError("low_freq_factor lies below high_freq_factor")
        return self


class _Transformer(_Part):
    hidden_size: _Width
    intermediate_size: _Width
    num_hidden_layers: _Count
    num_attention_heads: _Count
    num_key_value_heads: _Count
    head_dim: _Width | None = None

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError("num_attention_heads is a multiple of num_key_value_heads")
        if (self.head_dim or self.hidden_size // self.num_attention_heads) % 2:
            raise ValueError("head_dim is even")
        return self


class _Llama(_Transformer):
    rms_norm_eps: Annotated[float, Field(gt=0.0, le=0.1)] = 1e-5
    hidden_act: Literal["silu"] = "silu"
    attention_bias: bool = False
    mlp_bias: bool = False
    rope_theta: _Positive = 500_000.0
    rope_scaling: _Rope | None = None
    rope_parameters: _Rope | None = None
    """Of rope_theta and rope_scaling, the name since version 5 of transformers."""

    def fields(self) -> dict[str, Any]:
        """As transformers names them."""
        rope = self.rope_parameters or self.rope_scaling or _Rope()
        turns: dict[str, Any] = {"rope_type": rope.rope_type, "rope_theta": rope.rope_theta or self.rope_theta}
        if rope.rope_type == "llama3":
            turns |= rope.model_dump(exclude=set(turns))
        return self.model_dump(include=set(_Llama.model_fields) - _ROPE) | {"rope_parameters": turns}


_ROPE = {"rope_theta", "rope_scaling", "rope_parameters"}


class _Codec(_Transformer):
    model_type: Literal["mimi"] = "mimi"
    sampling_rate: Literal[24_000] = 24_000
    num_filters: _Width
    codebook_size: _Width
    codebook_dim: _Width
    vector_quantization_hidden_dimension: _Width
    upsample_groups: _Width


class _Model(_Llama):
    num_codebooks: Annotated[int, Field(ge=2, le=64)]
    vocab_size: _Width
    text_vocab_size: Annotated[int, Field(ge=1, le=1_000_000)]
    codebook_eos_token_id: Literal[0] = 0
    """A frame of nothing else ends a speech."""
    depth_decoder_config: _Llama
    codec_config: _Codec

    @model_validator(mode="after")
    def _holds_its_codes(self) -> Self:
        if self.codec_config.codebook_size > self.vocab_size:
            raise ValueError(
                f"a vocab_size of {self.vocab_size} has no room for the codec's {self.codec_config.codebook_size} codes"
            )
        return self


def read_config(model_dir: Path) -> CsmConfig:
    """The sizes of a folder's model and of its codec, whose encoder is left out: nobody asks for it.

    Numbers of codebooks and of codes are said once, for all three networks. Raises ValueError with the first place that is wrong.
    """
    try:
        found = _Model.model_validate(strict_json.read_file(model_dir / FILE))
    except ValidationError as exc:
        raise ValueError(f"{FILE}: {first_fault(exc, 'the file')}") from exc
    codec = MimiConfig(**found.codec_config.model_dump(exclude={"model_type"}), num_quantizers=found.num_codebooks)
    codec.encoder_config = None
    depth = CsmDepthDecoderConfig(
        **found.depth_decoder_config.fields(),
        backbone_hidden_size=found.hidden_size,
        vocab_size=found.vocab_size,
        num_codebooks=found.num_codebooks,
        max_position_embeddings=found.num_codebooks + 1,
    )
    return CsmConfig(
        **found.fields(),
        num_codebooks=found.num_codebooks,
        vocab_size=found.vocab_size,
        text_vocab_size=found.text_vocab_size,
        depth_decoder_config=depth,
        codec_config=codec,
        pad_token_id=None,
        bos_token_id=None,
        audio_token_id=None,
        audio_eos_token_id=None,  # a text's marks are the tokenizer's
    )
