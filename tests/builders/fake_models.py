"""Stand-ins for the standard profile's models: the same classes with random weights, tiny or at full size.

They exercise fetching, loading, batching and speed without a download. What they say of speech means nothing.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file
from tokenizers.pre_tokenizers import ByteLevel

from scoring.judges.standard.models import Role
from scoring.model.pinned import SAFETENSORS

hf: Any = transformers
"""Its own types are incomplete."""

_LETTERS = "ETAONIHSRDLUMWCFGYPBVK'XJQZ"
_MARKS = ("endoftext", "startoftranscript", "en", "translate", "transcribe", "startofprev", "nospeech", "notimestamps")
_ENCODER = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
"""A wav2vec2 with its usual convolutions, but thin."""
_WHISPER = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
_WHISPER_LARGE = {
    "d_model": 1280,
    "encoder_layers": 32,
    "decoder_layers": 32,
    "encoder_attention_heads": 20,
    "decoder_attention_heads": 20,
    "encoder_ffn_dim": 5120,
    "decoder_ffn_dim": 5120,
    "num_mel_bins": 128,
}


@dataclass(frozen=True, slots=True)
class Size:
    """How large the stand-ins are: what their configs say beyond the defaults of their classes, which are the published sizes."""

    whisper: dict[str, Any]
    vocabulary: int
    encoder: dict[str, Any]


TINY = Size(
    whisper=_WHISPER | {"encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "num_mel_bins": 80},
    vocabulary=0,
    encoder=_ENCODER,
)
FULL = Size(whisper=_WHISPER_LARGE, vocabulary=51_866, encoder={})


def build(folder: Path, size: Size = TINY, seed: int = 0) -> dict[Role, Path]:
    """Write each role's model below `folder`; return the folders by role."""
    makers: dict[Role, Callable[[Path, Size], None]] = {
        Role.STRONG_ASR: _whisper,
        Role.WEAK_ASR: _ctc,
    }
    made = {role: folder / role.value for role in Role}
    torch.manual_seed(seed)
    for role, path in made.items():
        path.mkdir(parents=True)
        makers[role](path, size)
    return made


def hubert(folder: Path, seed: int = 0) -> None:
    """A weak recogniser of the other kind: HuBERT, normalised by layers, trained with a mask of what is silence behind a clip."""
    torch.manual_seed(seed)
    config = hf.HubertConfig(**_ENCODER, vocab_size=5 + len(_LETTERS), pad_token_id=0, feat_extract_norm="layer")
    hf.HubertForCTC(config).save_pretrained(folder)
    _letters(folder)
    hf.Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)


def pickled(folder: Path) -> None:
    """Turn a model's weights into what torch pickles, as authors published them before safetensors."""
    torch.save(load_file(folder / SAFETENSORS), folder / "pytorch_model.bin")
    (folder / SAFETENSORS).unlink()


def _whisper(folder: Path, size: Size) -> None:
    tokenizer = hf.WhisperTokenizer(*_pairs())
    tokenizer.add_tokens([f"<|{mark}|>" for mark in _MARKS], special_tokens=True)
    tokenizer.save_pretrained(folder)
    known = len(tokenizer)
    vocabulary = max(size.vocabulary, known)
    end, start, english, translate, transcribe, _, _, plain = range(known - len(_MARKS), known)
    ends = {"pad_token_id": end, "bos_token_id": end, "eos_token_id": end, "decoder_start_token_id": start}
    config = hf.WhisperConfig(vocab_size=vocabulary, **size.whisper, **ends, suppress_tokens=[], begin_suppress_tokens=None)
    model = hf.WhisperForConditionalGeneration(config)
    model.generation_config = hf.GenerationConfig(
        **ends,
        is_multilingual=True,
        lang_to_id={"<|en|>": english},
        task_to_id={"transcribe": transcribe, "translate": translate},
        no_timestamps_token_id=plain,
        suppress_tokens=list(range(known, vocabulary)) or None,
        max_length=448,
    )
    model.save_pretrained(folder)
    hf.WhisperFeatureExtractor(feature_size=config.num_mel_bins).save_pretrained(folder)


def _pairs() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A vocabulary of all bytes and all pairs of letters, and how pairs are made: prompts take few tokens, as in real life."""
    letters = "Ġabcdefghijklmnopqrstuvwxyz"  # the first stands for a space
    merges = [(first, second) for first in letters for second in letters[1:]]
    signs = [*sorted(ByteLevel.alphabet()), *(first + second for first, second in merges)]
    return {sign: number for number, sign in enumerate(signs)}, merges


def _ctc(folder: Path, size: Size) -> None:
    hf.Wav2Vec2ForCTC(hf.Wav2Vec2Config(**size.encoder, vocab_size=5 + len(_LETTERS), pad_token_id=0)).save_pretrained(folder)
    _letters(folder)
    hf.Wav2Vec2FeatureExtractor().save_pretrained(folder)


def _letters(folder: Path) -> None:
    symbols = ["<pad>", "<s>", "</s>", "<unk>", "|", *_LETTERS]
    (folder / "vocab.json").write_text(json.dumps({symbol: number for number, symbol in enumerate(symbols)}), encoding="utf-8")
    hf.Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
