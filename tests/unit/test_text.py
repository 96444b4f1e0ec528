"""The normaliser: one kind of words for what was asked and what was heard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.text import normalise, spell


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


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(text: str) -> None:
    """The normaliser is idempotent, so that it may be applied to both sides whatever they went through."""
    once = normalise(text)
    assert normalise(" ".join(once)) == once
