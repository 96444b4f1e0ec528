"""A text as the numbers of a network's symbols, as transformers' VitsTokenizer makes them; the phonemes come from espeak-ng itself.

One thing differs: where transformers counts a letter as its padding token, it forgets a blank beside it at a text's edge; here every
symbol has one.
"""

from dataclasses import dataclass
from pathlib import Path

from scoring import strict_json
from scoring.synthesis.vits.phonemes import phonemes
from scoring.synthesis.vits.table import Frame, VoiceTable

VOCABULARY, SETTINGS = "vocab.json", "tokenizer_config.json"
_FLAGS = ("add_blank", "normalize", "phonemize")
"""True where tokenizer_config.json does not say otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """What a repository's files say of its symbols."""

    numbers: dict[str, int]
    """By symbol."""
    unknown: int | None
    """Stands for a symbol that is not there; None: such a symbol is left out."""
    add_blank: bool
    """Whether number 0 stands between symbols."""
    normalize: bool
    """Whether capitals become small where the vocabulary has none."""
    phonemize: bool
    """Whether the symbols are phonemes; otherwise they are letters."""

    def of(self, text: str, table: VoiceTable) -> list[int]:
        """The numbers of a text; raises ValueError where nothing is left to say."""
        if self.normalize:
            text = "".join(sign if sign in self.numbers else sign.lower() for sign in text)
        if self.phonemize:
            text = phonemes(text, table.accent, table.punctuation)
        elif self.normalize:
            text = "".join(sign for sign in text if sign in self.numbers).strip()
        found = [number for sign in text if (number := self.numbers.get(sign, self.unknown)) is not None]
        if not found:
            raise ValueError("of this text no symbol is in vocab.json")
        return self._framed(found, table.frame)

    def _framed(self, found: list[int], frame: Frame | None) -> list[int]:
        """The blanks between the symbols, and the frame around them."""
        if self.add_blank:
            found = [0, *(each for number in found for each in (number, 0))]
        return found if frame is None else [self.numbers[frame.begin], *found, self.numbers[frame.end]]


def read_symbols(folder: Path, table: VoiceTable, most: int) -> Symbols:
    """Read vocab.json and tokenizer_config.json, which may be missing; raises ValueError with what is wrong.

    `most` is the number of symbols that the network has.
    """
    numbers = _numbers(folder, most)
    settings = strict_json.read_file(folder / SETTINGS) if (folder / SETTINGS).exists() else {}
    flags = {name: settings.get(name, True) for name in _FLAGS}
    wrong = [name for name, value in flags.items() if not isinstance(value, bool)]
    if wrong:
        raise ValueError(f"{SETTINGS}: {wrong[0]} is true or false")
    framed = () if table.frame is None else (table.frame.begin, table.frame.end)
    absent = [symbol for symbol in framed if symbol not in numbers]
    if absent:
        raise ValueError(f"voice.json frames texts with {absent[0]!r}, which is not in {VOCABULARY}")
    unknown = settings.get("unk_token", "<unk>")
    return Symbols(
        numbers=numbers,
        unknown=numbers.get(str(unknown.get("content") if isinstance(unknown, dict) else unknown)),
        add_blank=flags["add_blank"] is True,
        normalize=flags["normalize"] is True,
        phonemize=flags["phonemize"] is True,
    )


def _numbers(folder: Path, most: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for symbol, number in strict_json.read_file(folder / VOCABULARY).items():
        if type(number) is not int or not 0 <= number < most:
            raise ValueError(
                f"{VOCABULARY} gives {symbol[:40]!r} the number {str(number)[:40]}; config.json has vocab_size {most}"
            )
        found[symbol] = number
    return found
