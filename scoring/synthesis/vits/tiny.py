"""A VITS of some thirty thousand random weights, as its authors would publish it: real loading code, kilobytes of data."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import VitsConfig, VitsModel, VitsTokenizer

_SHAPE: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "ffn_dim": 16,
    "flow_size": 16,
    "spectrogram_bins": 9,
    "prior_encoder_num_flows": 2,
    "prior_encoder_num_wavenet_layers": 1,
    "posterior_encoder_num_wavenet_layers": 1,
    "duration_predictor_flow_bins": 4,
    "duration_predictor_num_flows": 2,
    "depth_separable_num_layers": 1,
    "upsample_initial_channel": 32,
    "upsample_rates": [8, 8],
    "upsample_kernel_sizes": [16, 16],
    "resblock_kernel_sizes": [3],
    "resblock_dilation_sizes": [[1]],
}
_LETTERS = " abcdefghijklmnopqrstuvwxyz'-"
_PHONEMES = '_;:,.!?—…"()“” abcdefhijklmnopqrstuvwxyzæðŋɐɑɒɔɕəɚɛɜɡɪɫɹɾʃʊʌʒʔˈˌːθᵻ'


def build(folder: Path, *, phonemize: bool = False, speakers: int = 1, seed: int = 0) -> Path:
    """Write a random model into a folder, new; return the folder. One with several speakers brings no table that names them.

    `phonemize` is transformers' own: the vocabulary is of phonemes, otherwise of letters.
    """
    folder.mkdir(parents=True)
    signs = _PHONEMES if phonemize else _LETTERS
    vocabulary = {sign: number for number, sign in enumerate(signs)}
    unknown = "_" if phonemize else "<unk>"
    vocabulary.setdefault(unknown, len(vocabulary))
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    tokenizer = VitsTokenizer(
        str(folder / "vocab.json"), pad_token=unknown, unk_token=unknown, phonemize=phonemize, is_uroman=False
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    several: dict[str, Any] = {"num_speakers": speakers, "speaker_embedding_size": 8} if speakers > 1 else {}
    VitsModel(VitsConfig(vocab_size=len(vocabulary), **_SHAPE, **several)).save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\nA tiny random VITS.\n", encoding="utf-8")
    return folder
