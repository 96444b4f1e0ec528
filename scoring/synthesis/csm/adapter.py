"""The CSM family, by transformers' own layers: text, length, random streams and the loop over frames are the competition's.

A repository brings the weights of talker and codec, their sizes (config.json), a tokenizer, and the settings of its draws. Nothing of it
is run: no processor, no chat template, no generation code.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import CsmConfig, CsmForConditionalGeneration
from transformers.utils import logging

from scoring.synthesis.csm.sizes import read_config
from scoring.synthesis.csm.talker import Row, Talker
from scoring.synthesis.length import most_frames
from scoring.synthesis.load import Device, Dtype
from scoring.synthesis.sampling import Sampling
from scoring.synthesis.settings import read_settings
from scoring.synthesis.synthesiser import NotSpoken, Request, Waveform, say_together
from scoring.synthesis.tensors import DTYPES, check_tensors, held_names, load_network
from scoring.synthesis.tokenizer import read_tokenizer, text_ids

_MANIFEST = Path(__file__).with_name("family.toml")
_BEGIN, _END = "<|begin_of_text|>", "<|end_of_text|>"
"""The marks around every text."""
_SOUNDS = ("<|AUDIO|>", "<|audio_eos|>")
"""The marks of recordings between texts, which no prompt has."""
_EMBEDDINGS = ("depth_decoder.model.embed_tokens.weight", "backbone_model.embed_tokens.embed_audio_tokens.weight")
"""One table under two names; a file holds it once, under either."""
_SAVED = (
    ("codec_model.decoder.decoder_seanet.", "codec_model.decoder."),
    ("codec_model.decoder.decoder_transformer.", "codec_model.decoder_transformer."),
    ("codec_model.decoder.upsample.", "codec_model.upsample."),
)
"""How the codec's tensors begin in memory, and in every file that transformers writes."""


class Csm:
    """A loaded model."""

    family = "csm"

    def __init__(self, talker: Talker, words: "Words") -> None:
        self.talker, self._words = talker, words
        self._codec = talker.model.codec_model
        self.sample_rate = int(self._codec.config.sampling_rate)

    def to(self, device: Device) -> None:
        """Move talker and codec."""
        self.talker.to(device)

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """All requests as rows of one batch, each decoded alone; raises NotAllSpoken where a request fails."""
        return say_together(batch, self.row, self.talker.say, self._decoded)

    def row(self, request: Request) -> Row:
        """A request for the talker; raises ValueError for a text, or tokens of it, that nobody can say."""
        text = " ".join(request.text.split())
        if not any(character.isalnum() for character in text):
            raise ValueError("the text holds no word")
        most = most_frames(text, self._codec.config.frame_rate)
        return Row(ids=self._words.ids(text), most_frames=most, seed=request.seed)

    @torch.inference_mode()
    def _decoded(self, codes: Tensor | NotSpoken) -> Waveform | NotSpoken:
        if isinstance(codes, NotSpoken):
            return codes
        waveform: Waveform = self._codec.decode(codes.T[None].to(self._codec.device)).audio_values[0, 0].float().cpu().numpy()
        return waveform


class Words:
    """A repository's tokenizer, held to the model's own tokens, and the number of the speaker who says them."""

    def __init__(self, tokenizer: Tokenizer, size: int, speaker: int) -> None:
        self._tokenizer, self._size, self._speaker = tokenizer, size, speaker
        marks = {mark: number for mark in (_BEGIN, _END, *_SOUNDS) if (number := tokenizer.token_to_id(mark)) is not None}
        if missing := [mark for mark in (_BEGIN, _END) if marks.get(mark, size) >= size]:
            raise ValueError(f"tokenizer.json: there is no token {missing[0]} among the model's {size}")
        self._begin, self._end, self._marks = marks[_BEGIN], marks[_END], frozenset(marks.values())

    def ids(self, text: str) -> tuple[int, ...]:
        """What the model reads; raises ValueError for tokens that no text may have."""
        return (self._begin, *text_ids(self._tokenizer, f"[{self._speaker}]{text}", self._size, self._marks), self._end)


def load(model_dir: Path, parts: Path | None, threads: int, dtype: Dtype) -> Csm:  # noqa: ARG001 - nothing is pinned for this family
    """Load a model and its codec's decoder from a folder; nothing is fetched and no code of the model is run.

    Raises ValueError, or an error of transformers' own, unless the files hold exactly the model's tensors, sizes that fit each other, and
    settings in their range.
    """
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # tensors that never speak need not be there
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    config, settings = read_config(model_dir), read_settings(model_dir, _MANIFEST)
    words = Words(read_tokenizer(model_dir / "tokenizer.json"), config.text_vocab_size, int(settings["speaker"]))
    first = Sampling(settings["temperature"], int(settings["top_k"]))
    others = Sampling(settings["depth_decoder_temperature"], int(settings["depth_decoder_top_k"]))
    return Csm(Talker(_model(model_dir, config, DTYPES[dtype]), first, others), words)


def _model(model_dir: Path, config: CsmConfig, dtype: torch.dtype) -> CsmForConditionalGeneration:
    """The network; its tensors are compared with the file's before any memory is taken for them."""
    with torch.device("meta"):
        outline = CsmForConditionalGeneration(config).state_dict()
    kept = _EMBEDDINGS[_EMBEDDINGS[1] in held_names(model_dir)]
    own = {_saved(name): tensor for name, tensor in outline.items() if name == kept or name not in _EMBEDDINGS}
    check_tensors(model_dir, own, _MANIFEST)
    from_pretrained = CsmForConditionalGeneration.from_pretrained
    # Of those that never speak sizes may be others; the others' were looked at.
    model: CsmForConditionalGeneration = load_network(
        from_pretrained, model_dir, config, torch.float32, ignore_mismatched_sizes=True
    )
    for name, part in model.named_children():
        if name != "codec_model":  # a sound is decoded in float32
            part.to(dtype)
    return model


def _saved(name: str) -> str:
    for own, saved in _SAVED:
        if name.startswith(own):
            return saved + name.removeprefix(own)
    return name
