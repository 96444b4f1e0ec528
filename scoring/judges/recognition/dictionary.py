"""The pronouncing dictionary: how words sound, and how many phonemes they have; what it lacks is estimated from the letters.

It is CMUdict as the package pocketsphinx carries it; nothing else of that package is used.
"""

import hashlib
import importlib.util
import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path

from scoring.errors import Code, InfrastructureFault

SHA256 = "20b5c293e1f311fb375fe067e500ec5636f4fc7af5594967263696def9b23bfe"
MEMORY = 16_384
"""Words, and pairs of words, that are kept."""

_VOWELS = "aeiouy"
_GRAPHEME = re.compile(
    r"tch|sch|ck|ch|sh|th|ph|wh|wr|kn|gh|ng(?=$|[^aeiou])|qu|x|([bcdfghjklmnpqrstvwxz])\1|[aeiou]{2,}|[aeo]w|[aeo]y(?![aeiou])|."
)
_TWO_PHONEMES = ("qu", "x")
_AMERICAN = (
    (re.compile(r"(?<=[a-z]{2})our(?=$|s|ed|er|ing|ite|ful|less|able|y|hood|ly)"), "or"),
    (re.compile(r"(?<=[a-z]{2})(i|y)s(?=e$|es$|ed$|er$|ers$|ing$|ation$|ations$)"), r"\1z"),
    (re.compile(r"(?<=[a-z]{2}[bcdtv])re(?=$|s$|d$)"), "er"),
    (re.compile(r"ogue(?=$|s$)"), "og"),
    (re.compile(r"(?<=[aeiou])ll(?=ed$|er$|ers$|ing$|or$|ery$|ry$)"), "l"),
    (re.compile(r"(?<=[a-z]{2}en)ce(?=$|s$)"), "se"),
    (re.compile(r"[ao]e(?=[dmrst])"), "e"),
)
"""British spellings and the American ones."""


def dictionary_file() -> Path:
    """The dictionary inside the installed pocketsphinx; raises InfrastructureFault(JUDGE_UNAVAILABLE) without it."""
    spec = importlib.util.find_spec("pocketsphinx")
    if spec is None or spec.origin is None:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, "pocketsphinx is not installed")
    return Path(spec.origin).parent / "model" / "en-us" / "cmudict-en-us.dict"


@cache
def pronunciations() -> Mapping[str, tuple[str, ...]]:
    """Word → its pronunciations, each a space-separated list of ARPABET phonemes."""
    try:
        raw = dictionary_file().read_bytes()
    except OSError as exc:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"the pronouncing dictionary cannot be read: {exc.strerror}") from exc
    if hashlib.sha256(raw).hexdigest() != SHA256:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, "the pronouncing dictionary is not the one this version was built for")
    found: dict[str, list[str]] = {}
    for line in raw.decode("utf-8").splitlines():
        word, phonemes = line.split(maxsplit=1)
        found.setdefault(word.split("(")[0], []).append(phonemes)
    return {word: tuple(ways) for word, ways in found.items()}


def unknown(words: Iterable[str]) -> tuple[str, ...]:
    """The words that the dictionary lacks, sorted."""
    known = pronunciations()
    return tuple(sorted({word for word in words if word not in known}))


def count_phonemes(words: Iterable[str]) -> int:
    """Phonemes in the words, each in its first pronunciation; estimated for a word that the dictionary lacks.

    >>> count_phonemes(["silver", "ring"]), count_phonemes(["blorptastic"])
    (8, 11)
    """
    return sum(len(pronunciations()[word][0].split()) if word in pronunciations() else _estimate(word) for word in words)


@lru_cache(maxsize=MEMORY)
def sound_alike(one: str, other: str) -> bool:
    """Whether two words have a pronunciation in common, or are one word in British and in American spelling.

    >>> sound_alike("pears", "pairs"), sound_alike("organise", "organize"), sound_alike("filing", "filling")
    (True, True, False)
    """
    if one == other:
        return True
    known = pronunciations()
    if one in known and other in known:
        return not set(known[one]).isdisjoint(known[other])
    return american(one.replace("'", "")) == american(other.replace("'", ""))


def american(word: str) -> str:
    """The word by the rules of American spelling, which need not make it a word.

    >>> american("colourise"), american("travelled"), american("jewellery")
    ('colorize', 'traveled', 'jewelery')
    """
    for pattern, spelling in _AMERICAN:
        word = pattern.sub(spelling, word)
    return word


def _estimate(word: str) -> int:
    """Phonemes of a word by its letters: one for each group that is usually one sound; letters without a vowel are spelled.

    Over the dictionary's own words: right for two in three, wrong by more than one for one in thirty, on average .02 too many.
    """
    letters = word.replace("'", "")
    if not any(letter in _VOWELS for letter in letters):
        return sum(len(pronunciations().get(letter, ("?",))[0].split()) for letter in letters)
    count = 0
    for found in _GRAPHEME.finditer(letters):
        silent = found[0] == "e" and count > 1 and found.end() >= len(letters) - 1
        count += 0 if silent else 2 if found[0] in _TWO_PHONEMES else 1
    return max(1, count)
