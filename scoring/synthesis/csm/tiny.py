"""A random CSM of some ten thousand parameters, saved as its library saves one: real loading code, kilobytes of data."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from transformers import (
    CsmConfig,
    CsmDepthDecoderConfig,
    CsmForConditionalGeneration,
    CsmProcessor,
    EncodecFeatureExtractor,
    MimiConfig,
    PreTrainedTokenizerFast,
)

CODES, CODEBOOKS = 16, 4
_BEYOND = 3
"""Ids that the published model has beside its codes."""
_WIDTH = 16
_LETTERS = [chr(code) for code in range(32, 127)]
_MARKS = ["<|begin_of_text|>", "<|end_of_text|>", "<|AUDIO|>", "<|audio_eos|>"]
_TEMPLATE = "{% for turn in messages %}<|begin_of_text|>[{{ turn.role }}]{{ turn.content[0].text }}<|end_of_text|>{% endfor %}"


def build(folder: Path, *, seed: int = 4, end_logit: float = 0.5) -> Path:
    """Write a model's repository: seven files. After each frame it ends with odds that grow with `end_logit`; at -50 never."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    model: Any = CsmForConditionalGeneration(_config())
    with torch.no_grad():
        _speak(model, end_logit)
    sampling: dict[str, Any] = {"do_sample": True, "temperature": 0.9, "top_k": 50}
    model.generation_config.update(**sampling, max_new_tokens=125)
    model.depth_decoder.generation_config.update(**sampling)
    model.save_pretrained(folder)
    marks = {"bos_token": _MARKS[0], "eos_token": _MARKS[1]}
    words = PreTrainedTokenizerFast(tokenizer_object=tokenizer(), pad_token=_MARKS[2], **marks)  # type: ignore[no-untyped-call]
    hearing = EncodecFeatureExtractor(sampling_rate=24_000)
    CsmProcessor(hearing, words, chat_template=_TEMPLATE).save_pretrained(folder)  # type: ignore[no-untyped-call]
    return folder


def _config() -> CsmConfig:
    transformer: dict[str, Any] = {
        "hidden_size": _WIDTH,
        "intermediate_size": 32,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    }
    spread: dict[str, Any] = {"initializer_range": 0.3}  # so that what was read before matters
    codec = MimiConfig(
        hidden_size=16,
        num_filters=2,
        codebook_size=CODES,
        codebook_dim=8,
        vector_quantization_hidden_dimension=8,
        num_quantizers=CODEBOOKS,
        upsample_groups=16,
        num_hidden_layers=1,
        intermediate_size=16,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    books: dict[str, Any] = {"vocab_size": CODES + _BEYOND, "num_codebooks": CODEBOOKS}
    depth = CsmDepthDecoderConfig(**transformer, **books, **spread, num_hidden_layers=1, backbone_hidden_size=_WIDTH)
    first = len(_LETTERS) + 1
    return CsmConfig(
        **transformer,
        **books,
        **spread,
        num_hidden_layers=2,
        text_vocab_size=first + len(_MARKS),
        depth_decoder_config=depth,
        codec_config=codec,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 500_000.0,
            "factor": 32.0,
            "low_freq_factor": 0.125,
            "high_freq_factor": 0.5,
            "original_max_position_embeddings": 1024,
        },
        codebook_pad_token_id=CODES + 2,
        bos_token_id=first,
        pad_token_id=first + 2,
        audio_token_id=first + 2,
        audio_eos_token_id=first + 3,
    )


def _speak(model: Any, end_logit: float) -> None:
    """Weights by which code 0 comes first as often as `end_logit` says, and is followed by zeros in its frame; other codes are not.

    Direction 0 of what the networks read is constant, direction 1 tells 0 from other codes, and no layer adds to them.
    """
    for layer in (*model.backbone_model.layers, *model.depth_decoder.model.layers):
        for added in (layer.self_attn.o_proj, layer.mlp.down_proj):
            added.weight[:2] = 0.0
    ids = torch.arange(CODEBOOKS * (CODES + _BEYOND)) % (CODES + _BEYOND)
    for table in (model.embed_text_tokens.weight, model.depth_decoder.model.embed_tokens.weight):
        table.normal_(std=0.8)[:, 0] = 1.0
    model.depth_decoder.model.embed_tokens.weight[:, 1] = torch.where(ids == 0, 1.0, -1.0)
    model.depth_decoder.model.inputs_embeds_projector.weight.copy_(torch.eye(_WIDTH))
    heads = (model.lm_head.weight, model.depth_decoder.codebooks_head.weight)
    for head in heads:
        head.normal_(std=0.5)
    model.lm_head.weight[:, :2] = 0.0
    model.lm_head.weight[0, 0] = end_logit
    model.depth_decoder.codebooks_head.weight[:, :2, :] = 0.0
    model.depth_decoder.codebooks_head.weight[:, 1, 0] = 60.0
    _sound(model)


def _sound(model: Any) -> None:
    """Codes that differ: the library's own are all zero, which is silence."""
    for name, table in model.codec_model.named_buffers():
        if name.endswith("embed_sum"):
            table.copy_(0.3 * torch.randn_like(table))


def tokenizer() -> Tokenizer:
    """One token a letter."""
    unknown = "<unk>"
    words = {unknown: 0} | {letter: number for number, letter in enumerate(_LETTERS, 1)}
    made = Tokenizer(WordLevel(words, unk_token=unknown))
    made.pre_tokenizer = Split(Regex("."), "isolated")
    made.add_special_tokens(_MARKS)
    return made
