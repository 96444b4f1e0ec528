"""A random Llama with every id of this family, and a random codec to go with it: real loading code, some megabytes of data."""

import json
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from transformers import LlamaConfig, LlamaForCausalLM

from scoring.synthesis.llama_snac.ids import STOP
from scoring.synthesis.llama_snac.snac import CONFIG, Sizes, Snac

VOCABULARY = 156_940
CODEC = {
    "sampling_rate": 24_000,
    "encoder_dim": 1,
    "encoder_rates": [2, 4, 8, 8],
    "decoder_dim": 32,
    "decoder_rates": [8, 8, 4, 2],
    "attn_window_size": None,
    "codebook_size": 4096,
    "codebook_dim": 8,
    "vq_strides": [4, 2, 1],
    "noise": True,
    "depthwise": True,
}
"""The published sizes, but for the widths."""
ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 32.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8_192,
}
"""As Llama 3.2 turns its positions."""
_LETTERS = [chr(code) for code in range(32, 127)]
_SPREAD = 2.0
"""Of the codes' logits."""
_COMMON = 8.0
"""In the first place of every embedding: so much that the last layer's first place is nearly the same for all that was said."""


def build(folder: Path, *, seed: int = 0, stop_logit: float = 7.0, **sizes: object) -> None:
    """Write a model's repository; the stop's logit lies about `stop_logit` above the mean of the codes'.

    Far below 0 it never stops. `sizes` are fields of the model's config beside those of a tiny one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    model = LlamaForCausalLM(_config(sizes))
    with torch.no_grad():
        for weight in {model.model.embed_tokens.weight, model.lm_head.weight}:
            weight.normal_(std=_SPREAD / model.config.hidden_size**0.5)
            weight[:, 0] = _COMMON
            weight[STOP] = 0.0
            weight[STOP, 0] = _COMMON + stop_logit / model.config.hidden_size**0.5
    model.bfloat16().save_pretrained(folder)
    tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "<custom_token_7>"}), encoding="utf-8")
    settings = {"temperature": 1.0, "top_p": 1.0, "do_sample": True, "eos_token_id": [128001, 128008, 128009], "max_length": 4}
    (folder / "generation_config.json").write_text(json.dumps(settings), encoding="utf-8")


def _config(sizes: dict[str, object]) -> LlamaConfig:
    small: dict[str, object] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "max_position_embeddings": 131_072,
        "rms_norm_eps": 1e-5,
        "rope_parameters": ROPE,
        "tie_word_embeddings": True,
    }
    return LlamaConfig(**small | sizes)  # type: ignore[arg-type]  # checked by the config itself


def tokenizer() -> Tokenizer:
    """One token a letter."""
    unknown = "<unk>"
    made = Tokenizer(WordLevel({unknown: 0} | {letter: number for number, letter in enumerate(_LETTERS, 1)}, unk_token=unknown))
    made.pre_tokenizer = Split(Regex("."), "isolated")
    return made


def build_codec(folder: Path, *, seed: int = 1, **sizes: object) -> None:
    """Write a random codec's repository as its authors publish theirs: pickled, with a tensor of the half that encodes.

    `sizes` are fields of its config beside those of a tiny one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(CODEC | sizes), encoding="utf-8")
    torch.manual_seed(seed)
    tensors = Snac(Sizes.read(folder)).state_dict()
    torch.save({**tensors, "encoder.block.0.bias": torch.zeros(1)}, folder / "pytorch_model.bin")
