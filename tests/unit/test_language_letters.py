"""Letters and signs of any text: nothing is lost, no word is split, what has no name is silent or in doubt."""

import re
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scoring.language.text import doubts, normalise

LETTERS = {
    "Łódź": "lodz",
    "straße": "strasse",
    "Øresund": "oresund",
    "Æther": "aether",
    "smørrebrød": "smorrebrod",
    "þing": "thing",
    "naïve café": "naive cafe",
    "Ångström": "angstrom",
    "Škoda": "skoda",
    "Dvořák": "dvorak",
    "Đorđe": "dorde",
    "Ħal": "hal",
    "Łukasz": "lukasz",
    "œuvre": "oeuvre",
    "Œuvre": "oeuvre",
    "ﬁne": "fine",
    "ıstanbul": "istanbul",
    "İstanbul": "istanbul",
    "ŋ": "ng",
    "ſong": "song",
    "ßtraße": "sstrasse",
    "ẞ": "ss",
    "Þór": "thor",
    "ðe": "the",
    "Ĳssel": "ijssel",
    "ŉ": "n",
    "ĸ": "k",
    "Ɖ": "d",
    "ǆ": "dz",
    "ɐ": "a",
    "ɓ": "b",
    "™ brand™": "brand",
    "© 2020": "copyright two thousand twenty",
    "soft\xadhyphen": "softhyphen",
    "zero\u200bwidth": "zerowidth",
    "word\u200djoiner": "wordjoiner",
    "no break": "no break",
}

SIGNS = {
    "Wait...": "wait",
    "Wait… what?": "wait what",
    '"Quoted," he said.': "quoted he said",
    "«Quoted»": "quoted",
    "(aside)": "aside",
    "[note]": "note",
    "{x}": "x",
    "well—perhaps": "well perhaps",
    "well - perhaps": "well perhaps",
    "well–perhaps": "well perhaps",
    "a – b": "a b",
    "*really*": "really",
    "_really_": "really",
    "**bold**": "bold",
    "50/50": "fifty fifty",
    "1 - 2": "one to two",
    "5 > 3": "five greater than three",
    "3 < 5": "three less than five",
    "100% sure": "one hundred percent sure",
    "• item": "item",
    "½": "one half",
    "⅓ cup": "one third cup",
    "①": "one",
    "5′10″": "five feet ten inches",
    "10″ pipe": "ten inch pipe",
    "tell me: now": "tell me now",
    "x_y": "x y",
    "α and β": "alpha and beta",
    "π is 3.14": "pi is three point one four",
    "5 µm": "five micrometers",
    "5 μg": "five micrograms",
    "10 Ω": "ten ohms",
    "what?!": "what",
    "wait -- what": "wait what",
    "a/b": "a b",
    "&c.": "and c",
}


@pytest.mark.parametrize(("text", "expected"), LETTERS.items(), ids=LETTERS)
def test_letters(text: str, expected: str) -> None:
    """A fixed spelling in plain letters, with every word whole."""
    assert " ".join(normalise(text)) == expected
    assert doubts(text) == ()


@pytest.mark.parametrize(("text", "expected"), SIGNS.items(), ids=SIGNS)
def test_signs(text: str, expected: str) -> None:
    """Signs by their names, and silence for the marks of a sentence."""
    assert " ".join(normalise(text)) == expected
    assert doubts(text) == ()


DOUBTS = {
    "1/2/2020": ("1/2/2020",),
    "on 12/25/20 or 12/25": ("12/25/20", "12/25"),
    "7/4 and 22/7": ("7/4", "22/7"),
    "2020-13-45": ("2020-13-45",),
    "2020-12": ("2020-12",),
    "€5,50": ("€5,50",),
    "2,5 or 2,50 m or 12,34": ("2,5", "2,50 m", "12,34"),
    "1.000.000 and 1.234,56": ("1.000.000", "1.234,56"),
    "12 500 people": ("12 500",),
    "5 kr": ("5 kr",),
    "$ and ~": ("$", "~"),
    "I ♥ you <3 :-)": ("♥", "<", ":-)"),
    "a smile 😀👍🏽": ("😀", "👍", "🏽"),
    "→ a^b": ("→", "^"),
    "Привет, 日本": ("Привет", "日本"),
    "99:75": ("99:75",),
    "Ariane VI and IV": ("Ariane VI", "IV"),
    "5s": ("5s",),
    "No 10": ("No 10",),
    "05/2020": ("05/2020",),
    "10/10 and 2/1": ("10/10", "2/1"),
    "$,5 or $1,00": ("$", "$1,00"),
    "24/7/365": ("/",),
    "3'30\"": ("3'30\"",),
    "6 kr. or 6 crowns": ("6 kr.",),
}


@pytest.mark.parametrize(("text", "expected"), DOUBTS.items(), ids=DOUBTS)
def test_doubts(text: str, expected: tuple[str, ...]) -> None:
    """What nobody can read surely is named as it is written; the rest is not."""
    assert doubts(text) == expected


def test_no_latin_letter_is_lost() -> None:
    """The letters of the alphabets that are written in Latin letters today."""
    latin = [
        chr(code)
        for code in (*range(0xC0, 0x180), *range(0x1E00, 0x1F00))
        if unicodedata.name(chr(code), "").startswith("LATIN ")
    ]
    assert len(latin) > 370
    assert [letter for letter in latin if not normalise(letter)] == ["\u1e9f"]  # a medieval delta


def test_nothing_is_lost_in_silence() -> None:
    """Every letter and figure of every script becomes a word or is named, but an apostrophe and two marks that stand by themselves."""
    signs = [chr(code) for code in (*range(0x3000), *range(0x3000, 0x20000, 37)) if unicodedata.category(chr(code))[0] in "LN"]
    assert len(signs) > 5000
    assert [sign for sign in signs if not normalise(sign) and not doubts(sign)] == ["\u02bc", "\u037a", "\ufc5e"]


@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_no_figure_survives_and_nothing_is_raised(text: str) -> None:
    """Any text becomes plain words."""
    assert all(re.fullmatch(r"'?[a-z]+(?:'[a-z]+)*", word) for word in normalise(text))


@given(st.lists(st.text("abcdefghijklmnoqrstuvwyzéøßłñ\u00ad\u200b", min_size=2, max_size=8), max_size=8))
def test_no_letter_is_lost(pieces: list[str]) -> None:
    """Words of plain and marked letters stay one word each, with all their letters; "vs" is no word, but stands for one."""
    marked: dict[str, str | int | None] = {"é": "e", "ø": "o", "ß": "ss", "ł": "l", "ñ": "n", "\u00ad": "", "\u200b": ""}
    plain = [piece.translate(str.maketrans(marked)) for piece in pieces]
    assume("vs" not in plain)
    assert normalise(" ".join(pieces)) == tuple(word for word in plain if word)
