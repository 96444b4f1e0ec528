"""Families' voices at the size that people publish: a real one where a package brings it, else random weights of that size."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import PocketTTSAudioTokenizerConfig, PocketTTSAudioTokenizerModel

from neurons.localnet import models
from neurons.miner.conversion import convert
from prompts.generate import generate
from prompts.groups import GroupPlan
from scoring.synthesis.pocket_tts import tiny
from scoring.synthesis.pocket_tts.adapter import load
from scoring.synthesis.synthesiser import Request

_TOKENS = 4_000
_SIZES: Mapping[str, Any] = {
    "vocab_size": _TOKENS + 4,
    "hidden_size": 1_024,
    "num_hidden_layers": 6,
    "num_attention_heads": 16,
    "intermediate_size": 4_096,
    "latent_dim": 32,
    "pad_token_id": 3,
    "audio_prompt_token_id": _TOKENS,
    "audio_latent_token_id": _TOKENS + 1,
    "audio_prompt_bos_token_id": _TOKENS + 2,
    "audio_bos_token_id": _TOKENS + 3,
    "flow_head_config": None,
}
"""Of the English model that Pocket TTS speaks with by default: 89 million parameters."""
_NEVER, _THRESHOLD = -20.0, -4.0
_ENDING = 1 / 50
"""A random network ends its speech at random: in this share of its frames, so after four seconds on average."""
_SETTLED, _FRAMES = 10, 110
"""The frames between say how its end logit is spread."""
_VOICE_FRAMES = 125
"""Ten seconds, the most of a recording that is pinned."""
_CARD = "---\nlicense: mit\n---\nRandom weights of the published size.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchVoice:
    """A family's model folder, what it is, and the folders of its pinned parts and of its guests' own packages."""

    family: str
    what: str
    folder: Path
    parts: Path | None = None
    environment: Path | None = None


def _espeak(folder: Path) -> BenchVoice:
    return BenchVoice(family="espeak", what="espeak-ng's formants", folder=models.write_espeak(folder / "espeak", "clear"))


def _vits(folder: Path) -> BenchVoice:
    convert(models.trained_voice(), folder / "vits", "vits", "cc0-1.0")
    return BenchVoice(family="vits", what="Piper's joe, 16 M", folder=folder / "vits")


def _pocket_tts(root: Path) -> BenchVoice:
    folder, parts = root / "pocket_tts", root / "parts"
    tiny.build(folder, end_logit=_NEVER, end_spread=1.0, **_SIZES)
    _tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "README.md").write_text(_CARD, encoding="utf-8")
    PocketTTSAudioTokenizerModel(PocketTTSAudioTokenizerConfig()).save_pretrained(parts / "codec")
    (parts / "speaker").mkdir()
    voice = torch.randn(_VOICE_FRAMES, 32, generator=torch.Generator().manual_seed(0))
    save_file({"latents": voice}, parts / "speaker" / "latents.safetensors")
    _let_it_end(folder, parts)
    return BenchVoice(family="pocket_tts", what="published size, random, 89 M + 10 M", folder=folder, parts=parts)


def _let_it_end(folder: Path, parts: Path) -> None:
    """Move the end logit so that the wanted share of frames lies above the threshold."""
    model = load(folder, parts, 1, "float32")
    logits: list[float] = []
    model.talker.model.eos_head.register_forward_hook(lambda _head, _inputs, output: logits.append(float(output[0, -1, 0])))
    (row,) = model.rows(Request("p0", "A sentence that stands for all the others.", "", 0))
    model.talker.say([replace(row, most_frames=_FRAMES)])
    tensors = load_file(folder / "model.safetensors")
    tensors["eos_head.bias"] += _THRESHOLD - torch.tensor(logits[_SETTLED:]).quantile(1.0 - _ENDING)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def _tokenizer() -> Tokenizer:
    """One that makes about as many tokens of a text as a published one does: it learns from prompts."""
    made = Tokenizer(BPE())
    made.pre_tokenizer = ByteLevel()
    texts = [
        prompt.text
        for number in range(40)
        for group in generate(bytes([number]) * 32, GroupPlan(32, 0, 0, ()))
        for prompt in group.prompts
    ]
    made.train_from_iterator(texts, BpeTrainer(vocab_size=_TOKENS, show_progress=False, initial_alphabet=ByteLevel.alphabet()))
    return made


PUBLISHED: Mapping[str, Callable[[Path], BenchVoice]] = {"espeak": _espeak, "vits": _vits, "pocket_tts": _pocket_tts}
"""Writes a family's voice under a folder."""
