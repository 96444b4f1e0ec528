"""A random Pocket TTS of some ten thousand parameters, and a random codec and voice to go with it: real loading code, kilobytes of data."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from transformers import (
    PocketTTSAudioTokenizerConfig,
    PocketTTSAudioTokenizerModel,
    PocketTTSConfig,
    PocketTTSForConditionalGeneration,
)

from scoring.synthesis.pocket_tts.official import AUDIO_TOKENS

LATENT_DIM = 4
_LETTERS = [chr(code) for code in range(32, 127)]


def build(folder: Path, *, seed: int = 0, end_logit: float = 0.0, end_spread: float = 0.0, **sizes: object) -> None:
    """Write a model's repository. Every frame's end logit is `end_logit`, ± about `end_spread` by what was said.

    Far below the threshold of -4 it never stops. `sizes` are fields of the model's config beside those of a tiny one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    model = PocketTTSForConditionalGeneration(_config(sizes))
    with torch.no_grad():
        model.eos_head.weight.normal_(std=end_spread / model.config.hidden_size**0.5)
        model.eos_head.bias.fill_(end_logit)
        model.model.bos_latent.normal_()
    model.save_pretrained(folder)
    tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(AUDIO_TOKENS), encoding="utf-8")
    (folder / "generation_config.json").write_text(json.dumps({"temperature": 0.5, "max_new_tokens": 3}), encoding="utf-8")


def _config(sizes: dict[str, object]) -> PocketTTSConfig:
    first = len(_LETTERS) + 1
    small: dict[str, object] = {
        "vocab_size": first + len(AUDIO_TOKENS),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "latent_dim": LATENT_DIM,
        "pad_token_id": 0,
        **{f"{name}_id": first + number for number, name in enumerate(AUDIO_TOKENS)},
        "flow_head_config": {
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "latent_dim": LATENT_DIM,
            "condition_dim": 16,
            "frequency_embedding_size": 16,
        },
    }
    return PocketTTSConfig(**small | sizes)  # type: ignore[arg-type]  # checked by the config itself


def tokenizer() -> Tokenizer:
    """One token a letter."""
    unknown = "<unk>"
    words = {unknown: 0} | {letter: number for number, letter in enumerate(_LETTERS, 1)}
    made = Tokenizer(WordLevel(words, unk_token=unknown))
    made.pre_tokenizer = Split(Regex("."), "isolated")
    made.add_special_tokens(list(AUDIO_TOKENS.values()))
    return made


def build_codec(folder: Path, *, seed: int = 1) -> None:
    """Write a random codec's repository, encoder and decoder, of the published one's frame rate."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    config = PocketTTSAudioTokenizerConfig(
        hidden_size=16,
        num_filters=4,
        upsample_groups=16,
        num_hidden_layers=1,
        intermediate_size=16,
        num_attention_heads=2,
        num_key_value_heads=2,
        latent_dim=LATENT_DIM,
    )
    PocketTTSAudioTokenizerModel(config).save_pretrained(folder)


def build_parts(folder: Path, *, seed: int = 1) -> None:
    """Write what a competition pins: that codec, and a random voice of two seconds."""
    build_codec(folder / "codec", seed=seed)
    (folder / "speaker").mkdir(parents=True, exist_ok=True)
    voice = torch.randn(25, LATENT_DIM, generator=torch.Generator().manual_seed(seed))
    save_file({"latents": voice}, folder / "speaker" / "latents.safetensors")
