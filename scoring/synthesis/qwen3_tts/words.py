"""A request as these models take it: an instruction, the text, and the marks around both. All of it is the competition's."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from tokenizers import Tokenizer

from scoring import strict_json
from scoring.schema import StrictModel, first_fault
from scoring.synthesis.qwen3_tts.sizes import Sizes
from scoring.synthesis.tokenizer import text_ids

VOICE_FILE = "voice.json"


class Speaker(StrictModel):
    """The table of a voice that a model was trained on."""

    name: Annotated[str, Field(min_length=1, max_length=64)]


def read_speaker(model_dir: Path, sizes: Sizes) -> int | None:
    """The code of the speaker who speaks: the only one, or whom voice.json names; None where the voice is described.

    Raises ValueError for a voice.json that is none, and where several speakers could be meant.
    """
    if sizes.tts_model_type == "voice_design":
        return None
    known = sizes.talker_config.spk_id
    path = model_dir / VOICE_FILE
    if path.is_file():
        try:
            name = Speaker.model_validate(strict_json.read_file(path)).name
        except ValidationError as exc:
            raise ValueError(f"{VOICE_FILE}: {first_fault(exc, 'the file')}") from exc
        if name not in known:
            raise ValueError(f"{VOICE_FILE}: {name!r} is none of the speakers in config.json: {', '.join(known)[:200] or 'none'}")
        return known[name]
    if len(known) != 1:
        raise ValueError(f"config.json names {len(known)} speakers (spk_id): {VOICE_FILE} says which of them speaks")
    return next(iter(known.values()))


class Words:
    """A repository's tokenizer, held to the model's own tokens, and the speaker's code."""

    def __init__(self, tokenizer: Tokenizer, sizes: Sizes, speaker: int | None) -> None:
        self._tokenizer, self._sizes, self._speaker = tokenizer, sizes, speaker
        self._assistant, self._user = (self._only(word) for word in ("assistant", "user"))
        self._line = self._only("\n")

    def _only(self, word: str) -> int:
        found = self._ids(word)
        if len(found) != 1:
            raise ValueError(f"the tokenizer makes {len(found)} tokens of {word!r}; the role before a text is one")
        return found[0]

    def _ids(self, text: str) -> tuple[int, ...]:
        return text_ids(self._tokenizer, text, self._sizes.talker_config.text_vocab_size, self._sizes.marks)

    def row(self, text: str, description: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What the model reads: tokens of words, and the ids of codes beside the last of them.

        Raises ValueError for a text without a word, and for tokens that no text may have.
        """
        plain, asked = " ".join(text.split()), " ".join(description.split())
        if not any(character.isalnum() for character in plain):
            raise ValueError("the text holds no word")
        sizes = self._sizes
        talker, said = sizes.talker_config, self._ids(plain)
        speaker = () if self._speaker is None else (self._speaker,)
        tags = (talker.codec_think_id, talker.codec_think_bos_id, sizes.language, talker.codec_think_eos_id, *speaker)
        words = (
            *[sizes.tts_pad_token_id] * len(tags),
            sizes.tts_bos_token_id,
            *said,
            sizes.tts_eos_token_id,
            sizes.tts_pad_token_id,
        )
        codec = (*tags, *[talker.codec_pad_id] * (len(said) + 2), talker.codec_bos_id)
        role = (sizes.im_start_token_id, self._assistant, self._line)
        return (*self._instruction(asked), *role, *words), codec

    def _instruction(self, asked: str) -> tuple[int, ...]:
        if not (asked and self._sizes.hears):
            return ()
        turn = (self._user, self._line, *self._ids(asked))
        return (self._sizes.im_start_token_id, *turn, self._sizes.im_end_token_id, self._line)
