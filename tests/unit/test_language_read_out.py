"""A text for voices that know letters and punctuation only: it is read as the judges read it, and keeps the rest of its form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.language.text import normalise, read_out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("“Why not?” asked Ann.", '"Why not?" asked Ann.', id="plain words keep case and signs"),
        pytest.param("In 2020, Mr. Lee paid $5.", "In twenty twenty, Mister Lee paid five dollars.", id="figures"),
        pytest.param("It closes at 5:30 p.m.", "It closes at five thirty p m.", id="the last point ends the text too"),
        pytest.param("From .0.5 on, or .1.2.3", "From point zero point five on, or point one point two point three", id="points"),
        pytest.param("'99.5 or 7:30.7", "'ninety nine point five or seven to thirty point seven", id="no year and no clock"),
        pytest.param("Vitamin B12, 50% off", "Vitamin B twelve, fifty percent off", id="letters beside figures"),
        pytest.param("The FBI & NASA", "The F b i and NASA", id="letters by their names, and signs"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_read_out(text: str, expected: str) -> None:
    """Words where there were figures, signs and abbreviations."""
    assert read_out(text) == expected


@given(st.text(alphabet="ab 0123456789.,:$%&-'MrDst", max_size=25))
def test_no_figure_is_left(text: str) -> None:
    """Whatever the text is."""
    assert not any(sign.isdigit() for sign in read_out(text))


@pytest.mark.parametrize(
    "text", ["On May 3rd, 1999, 12 km away.", "Call 555-1234 before 6 a.m. on the 21st.", "A 3-1/2 inch, £2.50 bolt"]
)
def test_the_words_are_those_that_judges_expect(text: str) -> None:
    """What is heard of the written words is what was asked for."""
    assert normalise(read_out(text)) == normalise(text)
