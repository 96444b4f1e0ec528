"""One normaliser for both sides of a comparison: what was asked and what was heard become the same kind of words."""

import re
import unicodedata

from num2words import num2words

ABBREVIATIONS = {
    "mr": "mister",
    "mrs": "missus",
    "ms": "miss",
    "dr": "doctor",
    "prof": "professor",
    "st": "saint",
    "vs": "versus",
    "etc": "et cetera",
    "no": "number",
}
"""Expanded where a full stop follows, and only there ('no.' before a digit only)."""

SYMBOLS = {"&": " and ", "%": " percent ", "+": " plus ", "=": " equals ", "°": " degrees ", "@": " at "}
APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "ʼ": "'"})
CLIPPED = frozenset({"'bout", "'cause", "'em", "'round", "'til", "'tis", "'twas"})
"""Words that keep their leading apostrophe, as the dictionary spells them."""
NUMBER_WORDS = frozenset(
    num2words(number, lang="en", to=to) for number in (*range(1, 20), *range(20, 100, 10)) for to in ("cardinal", "ordinal")
)
HUNDREDS = frozenset({"hundred", "thousand", "million"})

_MONEY = re.compile(r"([$£€])\s?(\d[\d,]*(?:\.\d+)?)")
_CLOCK = re.compile(r"\b(\d{1,2}):(\d{2})\b")
_ORDINAL = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_ABBREVIATION = re.compile(r"\b(" + "|".join(name for name in ABBREVIATIONS if name != "no") + r")\.|\b(no)\.(?=\s?\d)")
_WORD = re.compile(r"'?[a-z]+(?:'[a-z]+)*")
_MONEY_WORDS = {"$": "dollars", "£": "pounds", "€": "euros"}


def normalise(text: str) -> tuple[str, ...]:
    """Lower-case words with numbers spelled out, without punctuation, and without the optional 'and' inside of numbers.

    'Mr. Lee paid $105 on the 3rd.' → mister lee paid one hundred five dollars on the third
    """
    words = spell(text)
    return tuple(word for index, word in enumerate(words) if not _is_optional_and(words, index))


def spell(text: str) -> tuple[str, ...]:
    """As `normalise`, but as a British speaker reads numbers: 'one hundred and five'."""
    plain = unicodedata.normalize("NFKD", text.translate(APOSTROPHES)).lower()
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    plain = _ABBREVIATION.sub(lambda match: ABBREVIATIONS[match[1] or match[2]] + " ", plain)
    plain = _spell_numbers(_THOUSANDS.sub("", plain))
    for symbol, word in SYMBOLS.items():
        plain = plain.replace(symbol, word)
    found = _WORD.findall(plain)
    return tuple(word if word in CLIPPED else word.removeprefix("'") for word in found)


def _spell_numbers(text: str) -> str:
    text = _MONEY.sub(lambda match: f"{match[2]} {_MONEY_WORDS[match[1]]}", text)
    text = _CLOCK.sub(lambda match: _clock(int(match[1]), int(match[2])), text)
    text = _ORDINAL.sub(lambda match: _spelled(match[1], "ordinal"), text)
    return _NUMBER.sub(lambda match: _spelled(match[0], "cardinal"), text)


def _clock(hour: int, minute: int) -> str:
    if minute == 0:
        return f"{_spelled(str(hour), 'cardinal')} o'clock"
    zero = "oh " if minute < 10 else ""
    return f"{_spelled(str(hour), 'cardinal')} {zero}{_spelled(str(minute), 'cardinal')}"


def _spelled(digits: str, to: str) -> str:
    number = float(digits) if "." in digits else int(digits)
    return f" {num2words(number, lang='en', to=to)} "


def _is_optional_and(words: tuple[str, ...], index: int) -> bool:
    inside = 0 < index < len(words) - 1
    return words[index] == "and" and inside and words[index - 1] in HUNDREDS and words[index + 1] in NUMBER_WORDS
