"""The normaliser: one kind of words for what was asked and what was heard."""

import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from num2words import num2words

from prompts.texts import Texts
from scoring.language.text import normalise, spell

PLAIN = re.compile(r"'?[a-z]+(?:'[a-z]+)*")
ASKED = 400
"""Texts of a long round."""
CORPUS_SHA256 = "a0c2aeece376859664e80cadc96dfcc442edb46dc4b4a61d2287452e64e60168"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Put DOWN that lantern, Alice!", "put down that lantern alice", id="case and punctuation"),
        pytest.param("It took 36 minutes.", "it took thirty six minutes", id="number"),
        pytest.param("Room 946", "room nine hundred forty six", id="no 'and' inside of a number"),
        pytest.param("1,234 and 5", "one thousand two hundred thirty four and five", id="thousands, and a real 'and'"),
        pytest.param("the 23rd of May", "the twenty third of may", id="ordinal"),
        pytest.param("the 1st, the 12th", "the first the twelfth", id="irregular ordinals"),
        pytest.param("at 10:15 or 9:05 or 7:00", "at ten fifteen or nine oh five or seven o'clock", id="times"),
        pytest.param("2.5 miles", "two point five miles", id="decimal"),
        pytest.param("$105 or £3", "one hundred five dollars or three pounds", id="money"),
        pytest.param("Mr. and Mrs. Lee, Dr. Stone", "mister and missus lee doctor stone", id="titles"),
        pytest.param("Say no. Then go.", "say no then go", id="'no.' that ends a sentence"),
        pytest.param("no. 5", "number five", id="'no.' before a digit"),
        pytest.param("don’t take Ruth's well-known ’em", "don't take ruth's well known 'em", id="apostrophes and hyphens"),
        pytest.param("'quoted' words'", "quoted words", id="quotation marks"),
        pytest.param("café 5% & more", "cafe five percent and more", id="accents and signs"),
        pytest.param(" … ", "", id="no words"),
        pytest.param("-5 or −0.5, .5", "minus five or minus zero point five point five", id="negatives and bare decimals"),
        pytest.param("3.14159 and 1.2.3", "three point one four one five nine and one point two point three", id="many decimals"),
        pytest.param("2,000,000", "two million", id="millions"),
        pytest.param("in 1999, since 2005", "in nineteen ninety nine since two thousand five", id="years"),
        pytest.param(
            "year 1905, until 1900, in 2010", "year nineteen oh five until nineteen hundred in twenty ten", id="more years"
        ),
        pytest.param("1999 visitors", "one thousand nine hundred ninety nine visitors", id="four digits that are no year"),
        pytest.param("in 3000 or in 1066", "in three thousand or in ten sixty six", id="a year of the future is a number"),
        pytest.param("the 1990s, '80s and 2000s", "the nineteen nineties eighties and two thousands", id="decades"),
        pytest.param(
            "$3.50 $1 $0.99 £2.01", "three dollars fifty cents one dollar ninety nine cents two pounds one penny", id="cents"
        ),
        pytest.param(
            "$2.5 million, €5.00, $3.5", "two point five million dollars five euros three point five dollars", id="sums"
        ),
        pytest.param("12.5% of 7%", "twelve point five percent of seven percent", id="percent"),
        pytest.param("7 a.m., 7:30pm, 7:00 p.m.", "seven a m seven thirty p m seven p m", id="halves of the day"),
        pytest.param("10:15:30 or 0:05", "ten fifteen thirty or zero oh five", id="seconds"),
        pytest.param("I am 5, am I?", "i am five am i", id="'am' that is no time"),
        pytest.param(
            "2005-03-14 and 3/14/2005", "march fourteenth two thousand five and march fourteenth two thousand five", id="dates"
        ),
        pytest.param("14/3/2005", "march fourteenth two thousand five", id="a date with the day first"),
        pytest.param("3/4/2005", "three four two thousand five", id="a date that could be two"),
        pytest.param("March 14, 2005; May 5", "march fourteenth two thousand five may fifth", id="dates with a month"),
        pytest.param("1/2 3/4 2/3 7/20", "one half three quarters two thirds seven twentieths", id="fractions"),
        pytest.param("2 1/2 or 5½", "two and one half or five and one half", id="mixed fractions"),
        pytest.param("24/7, 1/100", "twenty four seven one one hundredth", id="large denominators"),
        pytest.param("3-5 km, 1999–2005", "three to five kilometers nineteen ninety nine to two thousand five", id="ranges"),
        pytest.param(
            "5 km, 1 kg, 60mph, 20°C", "five kilometers one kilogram sixty miles per hour twenty degrees celsius", id="units"
        ),
        pytest.param("5 in the m of 5 mice", "five in the m of five mice", id="no units"),
        pytest.param("555-1234", "five five five one two three four", id="telephone"),
        pytest.param("(555) 123-4567", "five five five one two three four five six seven", id="telephone with an area"),
        pytest.param(
            "room 007, 1234567890", "room zero zero seven one two three four five six seven eight nine zero", id="digits"
        ),
        pytest.param("the 100th and 1022nd", "the one hundredth and one thousand twenty second", id="long ordinals"),
        pytest.param(
            "U.S.A. and NASA, Henry IV", "u s a and nasa henry the fourth", id="initials, a word in capitals, Roman figures"
        ),
        pytest.param("Capt. Lee Jr., e.g. Sgt. Stone", "captain lee junior for example sergeant stone", id="more titles"),
        pytest.param("٣ ５ ② straße", "three five two strasse", id="other digits and letters"),
    ],
)
def test_normalises(text: str, expected: str) -> None:
    """Numbers, signs and spelling variants become plain words."""
    assert normalise(text) == tuple(expected.split())


def test_spells_numbers_as_a_british_speaker_reads_them() -> None:
    """The other common reading, for the recogniser's language model."""
    assert spell("Room 946") == ("room", "nine", "hundred", "and", "forty", "six")


@pytest.mark.parametrize("spoken", ["one hundred and five", "one hundred five", "105", "One-hundred, and 5"])
def test_both_readings_of_a_number_agree(spoken: str) -> None:
    """Whoever says 'and' and whoever leaves it out said the same number."""
    assert normalise(spoken) == ("one", "hundred", "five")


PIECES = st.sampled_from(
    [
        *("1", "02", "3", "14", "1999", "2005", "123456789012", "½", "٣", "²"),
        *(".", ",", "-", "–", "/", ":", "'", "’", " ", "  ", "$", "£", "%", "°", "¢", "(", ")", "+", "@", "&"),
        *("st", "th", "s", "km", "m", "°C", "mph", "a.m.", "pm", "in", "march", "may", "and", "one", "hundred", "million"),
        *("dr.", "no.", "e.g.", "U.S.A.", "'em", "I'm", "o'clock", "\n", "\u0307", "İ", "ﬁ", "\ud800"),
    ]
)
"""What the rules look for, in any order."""


@settings(max_examples=500)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=16).map("".join)))
def test_normalising_twice_changes_nothing(text: str) -> None:
    """Any text becomes plain words, and the words themselves: both sides may be normalised whatever they went through."""
    once = normalise(text)
    assert normalise(" ".join(once)) == once
    assert all(PLAIN.fullmatch(word) for word in once)


@pytest.mark.parametrize("number", [*range(0, 1200, 7), 1999, 12_345, 999_999_999])
def test_figures_read_as_their_words(number: int) -> None:
    """With and without separators, and as spelled by the library that the rest of the world uses."""
    spelled = normalise(str(num2words(number, lang="en")))
    assert normalise(str(number)) == normalise(f"{number:,}") == spelled


@pytest.mark.parametrize("piece", ["9", "1/2 ", "$1.", "1-", " (555", "march a ", "1,000", "a.m.", "'", "Mr."])
def test_long_texts_take_a_time_in_proportion(piece: str) -> None:
    """Ten thousand pieces in a row are read in far less than the time limit of a test, digits one by one."""
    words = normalise(piece * 10_000)
    assert len(words) <= 80_000


def test_the_corpus_reads_as_ever() -> None:
    """Every prompt's words are part of its score: they may not change by accident."""
    texts = Texts(bytes(32), ASKED)
    found = hashlib.sha256()
    for _ in range(ASKED):
        found.update(" ".join(spell(texts.fresh().words)).encode() + b"\n")
    assert found.hexdigest() == CORPUS_SHA256
