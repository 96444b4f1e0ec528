"""The lattice: every reading that people differ in, and the one that is nearest to what was heard."""

from itertools import product

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.language.lattice import Slots, Words, closest, first
from scoring.language.text import lattice, normalise

WORD = st.sampled_from("abc")
READING = st.lists(WORD, max_size=3).map(tuple)
CHAIN = st.lists(st.lists(READING, min_size=1, max_size=3).map(tuple), max_size=4).map(tuple)


def readings(slots: Slots) -> list[Words]:
    """Every combination."""
    return [tuple(word for part in parts for word in part) for parts in product(*slots)]


def errors(asked: Words, heard: Words) -> int:
    """Substitutions, deletions and insertions, by the library."""
    if not asked:
        return len(heard)
    found = jiwer.process_words(" ".join(asked), " ".join(heard))
    return found.substitutions + found.deletions + found.insertions


@settings(max_examples=200, deadline=None)  # a combination too many is slow, not wrong
@given(CHAIN, CHAIN)
def test_the_closest_readings_are_the_closest_of_all(asked: Slots, heard: Slots) -> None:
    """As trying every combination finds them; and each is a reading of its own side."""
    near, said = closest(asked, heard)
    assert near in readings(asked) and said in readings(heard)
    assert errors(near, said) == min(errors(one, other) for one in readings(asked) for other in readings(heard))


@given(CHAIN)
def test_the_first_reading_is_taken_where_it_is_as_near(slots: Slots) -> None:
    """A text that was read as its first reading is compared with that."""
    assert closest(slots, tuple(((word,),) for word in first(slots))) == (first(slots), first(slots))


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        pytest.param("in 2020", "in two thousand twenty", id="a year"),
        pytest.param("in 1905", "in nineteen hundred and five", id="a year in hundreds"),
        pytest.param("in 2005", "in twenty oh five", id="a year of this century"),
        pytest.param("Room 105", "room one oh five", id="a room"),
        pytest.param("Room 946", "room nine forty-six", id="a room in two parts"),
        pytest.param("flight 1202", "flight one two zero two", id="a flight figure by figure"),
        pytest.param("105 people", "a hundred and five people", id="a hundred"),
        pytest.param("1,500 people", "fifteen hundred people", id="hundreds"),
        pytest.param("0.5 miles", "oh point five miles", id="oh"),
        pytest.param("3.14", "three point fourteen", id="decimals together"),
        pytest.param("$3.50", "three dollars and fifty cents", id="dollars and cents"),
        pytest.param("$3.50", "three fifty", id="a price"),
        pytest.param("at 7:00", "at seven", id="no o'clock"),
        pytest.param("at 9:05", "at five past nine", id="minutes past"),
        pytest.param("at 9:45", "at a quarter to ten", id="a quarter to"),
        pytest.param("at 9:30", "at half past nine", id="half past"),
        pytest.param("at 19:00", "at seven o'clock", id="in the evening"),
        pytest.param("555-0199", "triple five zero one double nine", id="doubles"),
        pytest.param("1-800-555-0199", "one eight hundred five five five zero one nine nine", id="a free number"),
        pytest.param("555-1234", "five five five twelve thirty-four", id="in pairs"),
        pytest.param("May 3", "May the third", id="a date with an article"),
        pytest.param("3 May", "May third", id="a date the other way round"),
        pytest.param("pages 3-5", "pages three through five", id="through"),
        pytest.param("they won 3-2", "they won three two", id="a score"),
        pytest.param("1/4 cup", "a fourth cup", id="a fourth"),
        pytest.param("50%", "fifty per cent", id="per cent"),
        pytest.param("-5°C", "negative five degrees centigrade", id="negative"),
        pytest.param("Henry VIII", "Henry eighth", id="no article"),
        pytest.param("the EPOS cup", "the E P O S cup", id="capitals that may be letters"),
        pytest.param("www.example.com", "example dot com", id="no www"),
        pytest.param("5'10\"", "five ten", id="feet and inches without their names"),
        pytest.param("www.example.com", "w w w dot example dot com", id="letters of an address"),
        pytest.param("karen.parker@example.com", "karen.parker at example.com", id="an address in two parts"),
        pytest.param("jo@sea-gull.net", "jo at sea-gull dot net", id="an address with its dash, in parts"),
        pytest.param("£77.05", "seventy-seven pounds five p", id="pence"),
        pytest.param("1/2 cup", "half a cup", id="half a"),
        pytest.param("My number is 750-555-0128.", "My number is 7-5-0-5-5-5-0-1-2-8.", id="hyphens between figures"),
        pytest.param("On 14 May 1948", "On May 14th, 1948", id="a date as Americans write it"),
        pytest.param("$21.85", "$21 and 85 cents", id="dollars in figures, and cents"),
        pytest.param("at 9:45 p.m.", "at 9.45pm", id="a time with a full stop"),
        pytest.param("Henry VIII", "Henry the 8th", id="a ruler in figures"),
        pytest.param("World War II", "World War 2", id="a war in figures"),
        pytest.param("7°C and 38°F", "7 degrees C and 38 degrees F", id="scales by their letters"),
        pytest.param("in the 1870s", "in the eighteen-seventies", id="a decade in words"),
        pytest.param("10K users", "ten thousand users", id="thousands"),
    ],
)
def test_what_people_differ_in_is_accepted(text: str, heard: str) -> None:
    """No error is left between a text and any of its readings."""
    asked, said = closest(lattice(text), lattice(heard))
    assert asked == said


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        pytest.param("$3.50", "three dollars sixty cents", id="another sum"),
        pytest.param("105 people", "one oh five people", id="a count that is read as a room"),
        pytest.param("in 1905", "in nineteen fifty", id="another year"),
        pytest.param("at 9:05", "at nine fifty", id="another time"),
        pytest.param("Room 105", "room one hundred fifty", id="another room"),
        pytest.param("3 May", "May thirtieth", id="another day"),
        pytest.param("1/4 cup", "one forty cup", id="another share"),
        pytest.param("my-shop.com", "my shop dot com", id="an address without its dash"),
    ],
)
def test_what_is_wrong_stays_wrong(text: str, heard: str) -> None:
    """Another number is no reading."""
    asked, said = closest(lattice(text), lattice(heard))
    assert asked != said


@pytest.mark.parametrize("text", ["one hundred and five", "105", "two million and one", "2,000,001", "$105.50 and $3", "in 1905"])
def test_the_first_reading_of_a_lattice_is_the_normalised_text(text: str) -> None:
    """And no alternative keeps an 'and' that some leave out."""
    assert first(lattice(text)) == normalise(text)


@given(st.text(max_size=40))
def test_any_text_has_a_lattice(text: str) -> None:
    """Nothing, marks and other scripts too; its first reading is the normalised text."""
    assert first(lattice(text)) == normalise(text)
    assert closest(lattice(text), lattice("")) == closest(lattice(text), ())


@pytest.mark.parametrize("text", ["", "...", " ", "😀", "語"])
def test_nothing_said_has_no_readings(text: str) -> None:
    """And is the closest to nothing heard."""
    assert lattice(text) == () and closest(lattice(text), lattice(text)) == ((), ())


def test_readings_stay_few() -> None:
    """Each slot has its own: thirty numbers have no more than twelve readings a slot, not twelve to the thirtieth."""
    slots = lattice(" ".join(["1234 $3.50 9:45 1/4 555-1234 May 3, 2005"] * 5))
    assert max(map(len, slots)) <= 12
    assert closest(slots, slots)[0] == first(slots)
