"""The Qwen3-TTS family, by the authors' own layers: text, length, random streams and the loop over frames are the competition's.

A repository brings the weights of the talker, its sizes (config.json), a vocabulary, settings of its draws and perhaps the name of its
speaker. The codec is a pinned part. Nothing of a repository is run: no chat template, no generation code.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from scoring.synthesis.length import most_frames
from scoring.synthesis.load import Device, Dtype, PartsUnusable
from scoring.synthesis.qwen3_tts.codec import Codec, pinned_codec
from scoring.synthesis.qwen3_tts.official import import_official
from scoring.synthesis.qwen3_tts.sizes import Sizes, read_sizes
from scoring.synthesis.qwen3_tts.talker import Draws, Row, Talker
from scoring.synthesis.qwen3_tts.words import Words, read_speaker
from scoring.synthesis.sampling import Sampling
from scoring.synthesis.settings import read_settings
from scoring.synthesis.synthesiser import NotSpoken, Request, Waveform, say_together
from scoring.synthesis.tensors import DTYPES, check_tensors, load_network

_MANIFEST = Path(__file__).with_name("family.toml")


class Qwen3Tts:
    """A loaded model."""

    family = "qwen3_tts"

    def __init__(self, talker: Talker, codec: Codec, words: Words) -> None:
        self.talker, self._codec, self._words = talker, codec, words
        self.sample_rate = codec.rate

    def to(self, device: Device) -> None:
        """Move talker and codec."""
        self.talker.to(device)
        self._codec.to(device)

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """All requests as rows of one batch, each decoded alone; raises NotAllSpoken where a request fails."""
        return say_together(batch, self.row, self.talker.say, self._decoded)

    def row(self, request: Request) -> Row:
        """A request for the talker; raises ValueError for a text, or tokens of it, that nobody can say."""
        text, codec = self._words.row(request.text, request.description)
        most = most_frames(request.text, self._codec.rate / self._codec.frame_samples)
        return Row(text=text, codec=codec, most_frames=most, seed=request.seed)

    def _decoded(self, codes: Tensor | NotSpoken) -> Waveform | NotSpoken:
        return codes if isinstance(codes, NotSpoken) else self._codec.decode(codes)


def load(model_dir: Path, parts: Path | None, threads: int, dtype: Dtype) -> Qwen3Tts:
    """Load the talker from a folder, the codec from the pinned parts; nothing is fetched and no code of the model is run.

    Raises ImportError where the package is missing, PartsUnusable, and ValueError, or an error of transformers' own, unless the files hold
    exactly the model's tensors, sizes that fit each other and the codec, and settings in their range.
    """
    from transformers.utils import logging

    import_official()
    if parts is None:
        raise PartsUnusable("no codec is pinned for qwen3_tts")
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # what a guest prints is logged
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    codec = pinned_codec(parts / "codec")
    sizes = read_sizes(model_dir)
    _check_codes(sizes, codec)
    words = Words(_tokenizer(model_dir), sizes, read_speaker(model_dir, sizes))
    network = _network(model_dir, sizes, DTYPES[dtype])
    talker = Talker(
        network.talker, _draws(model_dir), codec.codes, sizes.talker_config.codec_eos_token_id, sizes.tts_pad_token_id
    )
    return Qwen3Tts(talker, codec, words)


def _check_codes(sizes: Sizes, codec: Codec) -> None:
    """Raise ValueError unless a talker's codes are the codec's, and the end of a speech is none of them."""
    talker = sizes.talker_config
    if talker.num_code_groups != codec.books:
        raise ValueError(f"config.json: num_code_groups is {talker.num_code_groups}; the codec has {codec.books} codebooks")
    if talker.code_predictor_config.vocab_size != codec.codes:  # a row for no code would tell copies apart
        raise ValueError(f"config.json: the code predictor's vocab_size is not {codec.codes}, the codes of the codec")
    if talker.vocab_size <= codec.codes:
        raise ValueError(f"config.json: vocab_size has no room beside the {codec.codes} codes of the codec")
    if talker.codec_eos_token_id < codec.codes:
        raise ValueError(f"config.json: codec_eos_token_id is {talker.codec_eos_token_id}, which is a code of the codec")


def _tokenizer(model_dir: Path) -> Tokenizer:
    """The authors' tokenizer over a repository's vocabulary and merges; no settings of it are read."""
    from transformers import Qwen2TokenizerFast  # type: ignore[attr-defined]  # a guest's transformers has it

    made: Any = Qwen2TokenizerFast(vocab_file=str(model_dir / "vocab.json"), merges_file=str(model_dir / "merges.txt"))
    tokenizer: Tokenizer = made.backend_tokenizer
    return tokenizer


def _network(model_dir: Path, sizes: Sizes, dtype: torch.dtype) -> Any:
    """The network; its tensors are compared with the file's before any memory is taken for them."""
    from qwen_tts.core.models import Qwen3TTSConfig, Qwen3TTSForConditionalGeneration

    config = Qwen3TTSConfig(**sizes.official())
    with torch.device("meta"):
        outline = Qwen3TTSForConditionalGeneration(config).state_dict()
    check_tensors(model_dir, outline, _MANIFEST)
    # The class's own loader asks for a codec beside the weights, and reads settings; that of its base does neither.
    from_pretrained = super(Qwen3TTSForConditionalGeneration, Qwen3TTSForConditionalGeneration).from_pretrained
    return load_network(from_pretrained, model_dir, config, dtype)


def _draws(model_dir: Path) -> Draws:
    settings = read_settings(model_dir, _MANIFEST)
    return Draws(
        first=Sampling(settings["temperature"], int(settings["top_k"])),
        others=Sampling(settings["subtalker_temperature"], int(settings["subtalker_top_k"])),
        repetition_penalty=settings["repetition_penalty"],
    )
