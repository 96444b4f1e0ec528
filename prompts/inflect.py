"""English word forms: plurals, verbs, and the article before a word. What no rule makes, the lists of words spell out."""

import re
from collections.abc import Callable

HISSES = ("s", "x", "z", "ch", "sh")
"""Ends of words that take -es."""
VOWEL_AS_Y = re.compile(r"eu|ewe|one\b|once|uk|ur[aeiou]|us[aeiu]|ut[aeio]|uni(?!n|m|d|t?ent)")
"""Beginnings that are written with a vowel and said without one: a unicorn, a one-way street …"""
SILENT_H = re.compile(r"heir|honor|honest|hour|8|1[18](?!\d)")
"""… and the other way round: an hour, an 8-foot pole."""
SPELLED = re.compile(r"([a-z])(?:[.-]|\b)(?!')")
"""A letter that is said by its name: an F.B.I. agent."""
ONE_SYLLABLE = re.compile(r"(?:qu|[^aeiou])*[aeiouy][^aeiouwxy]")
"""A short word whose last consonant is doubled: stop, stopped."""


def plural(noun: str) -> str:
    """The plural of a noun that follows the rules; of several words, that of the last.

    >>> plural("paint box"), plural("berry"), plural("toy")
    ('paint boxes', 'berries', 'toys')
    """
    if noun.endswith(HISSES):
        return noun + "es"
    return noun[:-1] + "ies" if _ends_in_consonant_y(noun) else noun + "s"


def past(verb: str) -> str:
    """The past and the participle of a verb that follows the rules; of several words, the first is inflected.

    >>> past("carry home"), past("stop"), past("bake"), past("visit")
    ('carried home', 'stopped', 'baked', 'visited')
    """
    return _first(verb, _past)


def present_participle(verb: str) -> str:
    """The form in -ing.

    >>> present_participle("lie down"), present_participle("run"), present_participle("hide")
    ('lying down', 'running', 'hiding')
    """
    return _first(verb, _ing)


def third_person(verb: str) -> str:
    """The form that follows 'she'.

    >>> third_person("go away"), third_person("carry")
    ('goes away', 'carries')
    """
    return _first(verb, lambda word: word + "es" if word.endswith("o") else plural(word))


def article(word: str) -> str:
    """'an' before what begins with a vowel's sound, else 'a'.

    >>> article("umbrella"), article("uniform"), article("hour"), article("M.A.")
    ('an', 'a', 'an', 'an')
    """
    first = word.lstrip("“\"'(").lower()
    if spelled := SPELLED.match(first):
        return "an" if spelled[1] in "aefhilmnorsx" else "a"
    if VOWEL_AS_Y.match(first):
        return "a"
    return "an" if first[:1] in "aeiou" or SILENT_H.match(first) else "a"


def _first(phrase: str, inflect: Callable[[str], str]) -> str:
    word, space, rest = phrase.partition(" ")
    return inflect(word) + space + rest


def _past(word: str) -> str:
    if word.endswith("e"):
        return word + "d"
    return word[:-1] + "ied" if _ends_in_consonant_y(word) else _doubled(word) + "ed"


def _ing(word: str) -> str:
    if word.endswith("ie"):
        return word[:-2] + "ying"
    silent_e = word.endswith("e") and not word.endswith(("ee", "oe", "ye"))
    return (word[:-1] if silent_e else _doubled(word)) + "ing"


def _doubled(word: str) -> str:
    return word + word[-1] if ONE_SYLLABLE.fullmatch(word) else word


def _ends_in_consonant_y(word: str) -> bool:
    return word.endswith("y") and word[-2:-1] not in "aeiou"
