"""Random models of some ten thousand parameters and their codec, as the authors' code saves them: real loading code, kilobytes of data.

`python -m scoring.synthesis.qwen3_tts.tiny FOLDER`, with the family's packages first on the path, writes FOLDER/design, FOLDER/custom and
FOLDER/parts/codec.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers.pre_tokenizers import ByteLevel

from scoring.synthesis.qwen3_tts.official import import_official

CODES, CODEBOOKS = 16, 4
_BEYOND = 1024
"""Ids that a talker has beside its codes: the authors' own code counts on so many."""
_WIDTH = 16
_SPREAD = {"o_proj": 4.0, "codec_head": 0.3}
"""So that what was read before matters, and every speech ends soon."""
_SPEAKERS = {"ada": CODES + 20, "bert": CODES + 21}
_WORDS = ("assistant", "user")
_MARKS = {
    "im_start_token_id": "<|im_start|>",
    "im_end_token_id": "<|im_end|>",
    "tts_pad_token_id": "<tts_pad>",
    "tts_bos_token_id": "<tts_text_bos>",
    "tts_eos_token_id": "<tts_text_eod>",
}
DECODER: Mapping[str, Any] = {
    "codebook_size": CODES,
    "codebook_dim": 16,
    "hidden_size": 16,
    "latent_dim": 16,
    "intermediate_size": 16,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "num_hidden_layers": 1,
    "num_quantizers": CODEBOOKS,
    "sliding_window": 8,
    "decoder_dim": 32,
}
"""The sizes of the codec's half that speaks."""
END, BEGIN, PAD, THINK, THINK_BEGIN, THINK_END, ENGLISH = (CODES + number for number in range(7))


def build(folder: Path, kind: str, *, seed: int = 4, end_logit: float = 24.0, size: str = "1b7") -> Path:
    """Write a model's repository of one kind: `voice_design` or `custom_voice`. At an `end_logit` of -500 it never ends."""
    from qwen_tts.core.models import Qwen3TTSConfig, Qwen3TTSForConditionalGeneration

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    first_mark = _tokenizer(folder)
    config = Qwen3TTSConfig(
        talker_config=_talker(first_mark + len(_MARKS), _SPEAKERS if kind == "custom_voice" else {}),
        tokenizer_type="qwen3_tts_tokenizer_12hz",
        tts_model_size=size,
        tts_model_type=kind,
        **{mark: first_mark + number for number, mark in enumerate(_MARKS)},
    )
    model: Any = Qwen3TTSForConditionalGeneration(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.normal_(std=_SPREAD.get(name.split(".")[-2], 0.8 if "embedding" in name else 0.5))
        _end(model.talker, end_logit)
    model.save_pretrained(folder)
    _edit(folder / "config.json")
    (folder / "generation_config.json").write_text(json.dumps({"do_sample": True, "temperature": 0.9, "max_new_tokens": 8192}))
    return folder


def _talker(text_vocab_size: int, speakers: dict[str, int]) -> dict[str, Any]:
    transformer = {
        "hidden_size": _WIDTH,
        "intermediate_size": 32,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "num_code_groups": CODEBOOKS,
    }
    return transformer | {
        "num_hidden_layers": 2,
        "vocab_size": CODES + _BEYOND,
        "text_hidden_size": _WIDTH,
        "text_vocab_size": text_vocab_size,
        "rope_scaling": {"rope_type": "default", "mrope_section": [2, 1, 1], "interleaved": True},
        "code_predictor_config": transformer | {"num_hidden_layers": 1, "vocab_size": CODES, "hidden_size": 8},
        "codec_eos_token_id": END,
        "codec_bos_id": BEGIN,
        "codec_pad_id": PAD,
        "codec_think_id": THINK,
        "codec_nothink_id": CODES + 7,
        "codec_think_bos_id": THINK_BEGIN,
        "codec_think_eos_id": THINK_END,
        "codec_language_id": {"english": ENGLISH},
        "spk_id": speakers,
        "spk_is_dialect": dict.fromkeys(speakers, False),
    }


def _end(talker: Any, end_logit: float) -> None:
    """Direction 0 of what the talker reads is constant, and no layer adds to it: by it the end is as likely as `end_logit` says."""
    for layer in talker.model.layers:
        for added in (layer.self_attn.o_proj, layer.mlp.down_proj):
            added.weight[0] = 0.0
    for table in (talker.model.codec_embedding, *talker.code_predictor.model.codec_embedding):
        table.weight[:, 0] = 0.0
    talker.text_projection.linear_fc2.weight[0] = 0.0
    talker.text_projection.linear_fc2.bias[0] = 2.0
    talker.codec_head.weight[:, 0] = 0.0
    talker.codec_head.weight[END] = 0.0
    talker.codec_head.weight[END, 0] = end_logit


def _edit(path: Path) -> None:
    """Leave out the part that hears recordings: only models of another kind have one."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    fields.pop("speaker_encoder_config", None)
    path.write_text(json.dumps(fields, indent=2), encoding="utf-8")


def _tokenizer(folder: Path) -> int:
    """Write a vocabulary of bytes and the roles' words; returns the id of the first mark."""
    vocabulary = {letter: number for number, letter in enumerate(sorted(ByteLevel.alphabet()))}
    merges: list[str] = []
    for word in _WORDS:
        for end in range(2, len(word) + 1):
            vocabulary.setdefault(word[:end], len(vocabulary))
            merges.append(f"{word[: end - 1]} {word[end - 1]}")
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    added = {
        str(number): {
            "content": mark,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "single_word": False,
            "special": True,
        }
        for number, mark in enumerate(("<|endoftext|>", *_MARKS.values()), len(vocabulary))
    }
    settings = {"tokenizer_class": "Qwen2Tokenizer", "pad_token": "<|endoftext|>", "added_tokens_decoder": added}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return len(vocabulary) + 1


def build_codec(folder: Path, *, seed: int = 4) -> Path:
    """Write the codec's repository, both halves."""
    from qwen_tts.core import Qwen3TTSTokenizerV2Config, Qwen3TTSTokenizerV2Model

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    config = Qwen3TTSTokenizerV2Config(
        decoder_config=dict(DECODER),
        encoder_config={
            "hidden_size": 16,
            "num_filters": 2,
            "codebook_size": CODES,
            "codebook_dim": 8,
            "vector_quantization_hidden_dimension": 8,
            "num_quantizers": CODEBOOKS,
            "upsample_groups": 16,
            "num_hidden_layers": 1,
            "intermediate_size": 16,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
        },
        encoder_valid_num_quantizers=CODEBOOKS,
    )
    model: Any = Qwen3TTSTokenizerV2Model(config)
    with torch.no_grad():
        for name, weight in model.decoder.named_parameters():
            if weight.dim() > 1:  # also the codes, which are zero, and would be silence
                weight.normal_(std=weight[0].numel() ** -0.5)
            elif name.endswith((".scale", ".gamma")):
                weight.fill_(0.5)
        model.decoder.decoder[-1].conv.weight *= 0.02
    model.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    import_official()
    place = Path(sys.argv[1])
    build(place / "design", "voice_design")
    build(place / "custom", "custom_voice")
    build_codec(place / "parts" / "codec")
