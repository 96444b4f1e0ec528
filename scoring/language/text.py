"""One normaliser for both sides of a comparison: the prompt's text and the recogniser's become the same kind of words.

Numbers are spelled as `scoring.language.numerals` reads them. Letters with full stops between them are read one by one (U.S.A.); capitals
without are a word (NASA). Roman numerals stay what their letters are: nothing says whether 'I' is a number.
"""

import re
import unicodedata
from functools import lru_cache

from num2words import num2words

from scoring.language.numerals import read_figures

ABBREVIATIONS = {
    "mr": "mister",
    "mrs": "missus",
    "ms": "miss",
    "dr": "doctor",
    "prof": "professor",
    "st": "saint",
    "jr": "junior",
    "sr": "senior",
    "gen": "general",
    "col": "colonel",
    "capt": "captain",
    "lt": "lieutenant",
    "sgt": "sergeant",
    "gov": "governor",
    "sen": "senator",
    "mt": "mount",
    "ave": "avenue",
    "blvd": "boulevard",
    "dept": "department",
    "approx": "approximately",
    "vs": "versus",
    "etc": "et cetera",
    "no": "number",
}
"""Expanded where a full stop follows, and only there ('no.' before a digit only)."""

SYMBOLS = {"&": " and ", "%": " percent ", "+": " plus ", "=": " equals ", "°": " degrees ", "@": " at "}
LOOKALIKES = str.maketrans(
    {
        **dict.fromkeys("’‘`´ʼ", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
        "\u2044": "/",
    }  # hyphens, dashes, minus
)
CLIPPED = frozenset({"'bout", "'cause", "'em", "'round", "'til", "'tis", "'twas"})
"""Words that keep their leading apostrophe, as the dictionary spells them."""
NUMBER_WORDS = frozenset(
    num2words(number, lang="en", to=to) for number in (*range(1, 20), *range(20, 100, 10)) for to in ("cardinal", "ordinal")
)
HUNDREDS = frozenset({"hundred", "thousand", "million"})
MEMORY = 4096
"""Texts whose words are kept: every judge asks for those of the same prompt."""

_ABBREVIATION = re.compile(r"\b(" + "|".join(name for name in ABBREVIATIONS if name != "no") + r")\.|\b(no)\.(?=\s?\d)")
_LATIN = re.compile(r"\b(e\.g|i\.e)\b\.?")
_LATIN_WORDS = {"e.g": "for example", "i.e": "that is"}
_VULGAR = re.compile("([¼-¾⅐-⅞])")
_WORD = re.compile(r"'?[a-z]+(?:'[a-z]+)*")


@lru_cache(maxsize=MEMORY)
def normalise(text: str) -> tuple[str, ...]:
    """Lower-case words with numbers spelled out, without punctuation, and without the optional 'and' inside of numbers.

    Takes any text; normalising the words again changes nothing.

    >>> " ".join(normalise("Mr. Lee paid $105 on the 3rd."))
    'mister lee paid one hundred five dollars on the third'
    """
    words = spell(text)
    optional = {
        index
        for index, (before, word, after) in enumerate(zip(words, words[1:], words[2:], strict=False), 1)
        if word == "and" and before in HUNDREDS and after in NUMBER_WORDS
    }
    return tuple(word for index, word in enumerate(words) if index not in optional)


@lru_cache(maxsize=MEMORY)
def spell(text: str) -> tuple[str, ...]:
    """Normalise with numbers as a British speaker reads them.

    >>> " ".join(spell("Mr. Lee paid $105."))
    'mister lee paid one hundred and five dollars'
    """
    plain = _ABBREVIATION.sub(lambda match: ABBREVIATIONS[match[1] or match[2]] + " ", _plain(text))
    plain = read_figures(_LATIN.sub(lambda match: _LATIN_WORDS[match[1]], plain))
    for symbol, word in SYMBOLS.items():
        plain = plain.replace(symbol, word)
    found = _WORD.findall(plain)
    return tuple(word if word in CLIPPED else word.removeprefix("'") for word in found)


def _plain(text: str) -> str:
    """Lower case without accents; every decimal digit of any script as an ASCII one, every hyphen and apostrophe as one of each."""
    apart = unicodedata.normalize("NFKD", _VULGAR.sub(r" \1", text.translate(LOOKALIKES))).translate(LOOKALIKES).lower()
    kept = (character for character in apart if not unicodedata.combining(character))
    return "".join(str(unicodedata.decimal(character)) if character.isdecimal() else character for character in kept)
