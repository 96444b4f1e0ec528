"""Which heard words are the asked ones: however they are written, but never another word."""

import math

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.judges.recognition.dictionary import american, count_phonemes, pronunciations, sound_alike
from scoring.judges.recognition.matching import Kind, Match, Step, match, nearest
from scoring.language.figures import figure

WORDS = st.lists(st.sampled_from(["take", "my", "silver", "ring", "i", "won"]), max_size=8)


def errors(asked: str, heard: str) -> int:
    """Of the words between spaces."""
    return match(asked.split(), heard.split()).errors


@pytest.mark.parametrize(
    ("asked", "heard"),
    [
        pytest.param("two pears", "to pairs", id="homophones"),
        pytest.param("steven met stephen", "stephen met steven", id="names that sound alike"),
        pytest.param("the theatre is grey", "the theater is gray", id="British and American"),
        pytest.param(
            "organise what the neighbourhood's paper analysed",
            "organize what the neighborhood's paper analyzed",
            id="rules of spelling",
        ),
        pytest.param("happy birthday", "happy birth day", id="a compound apart"),
        pytest.param("every one of the web sites", "everyone of the websites", id="compounds together"),
        pytest.param("call n a s a now", "call nasa now", id="letters of a word"),
        pytest.param("w w w dot", "www dot", id="letters of an address"),
        pytest.param("at five o'clock", "at five oclock", id="an apostrophe"),
        pytest.param("room nine hundred forty six", "room nine four six", id="a figure digit by digit"),
        pytest.param("room nine hundred forty six", "room nine forty six", id="a figure in parts"),
        pytest.param("in nineteen oh five", "in one thousand nine hundred five", id="a year as a number"),
        pytest.param("in twenty ten", "in two thousand ten", id="a year in pairs"),
        pytest.param("fifteen hundred people", "one thousand five hundred people", id="hundreds"),
        pytest.param("a hundred people", "one hundred people", id="a hundred"),
        pytest.param(
            "five five five zero one four two", "five million five hundred fifty thousand one hundred forty two", id="long"
        ),
        pytest.param("double seven oh one", "seven seven zero one", id="double"),
        pytest.param("three point five percent", "three point five per cent", id="percent"),
    ],
)
def test_what_sounds_as_asked_is_no_error(asked: str, heard: str) -> None:
    """Whoever wrote it down may have written it otherwise."""
    assert errors(asked, heard) == errors(heard, asked) == 0


@pytest.mark.parametrize(
    ("asked", "heard", "expected"),
    [
        pytest.param("take my silver ring", "take my golden ring", 1, id="another word"),
        pytest.param("filing the report", "filling the report", 1, id="a spelling that is another word"),
        pytest.param("room forty six", "room forty seven", 1, id="another figure"),
        pytest.param("room four hundred six", "room forty six", 2, id="another figure of like words"),
        pytest.param("the twenty first", "the twenty one", 1, id="no ordinal"),
        pytest.param("one hundred five", "one hundred fifteen", 1, id="a digit more"),
        pytest.param("u s a", "us", 1, id="a letter less"),
    ],
)
def test_another_word_is_an_error(asked: str, heard: str, expected: int) -> None:
    """By the cheapest edit."""
    assert errors(asked, heard) == expected


@settings(deadline=None)  # the dictionary is read on the first call
@given(asked=WORDS, heard=WORDS)
def test_is_never_dearer_than_the_plain_edit_and_covers_both_sides(asked: list[str], heard: list[str]) -> None:
    """jiwer's distance over the letters as they are, less what sounds alike; every word is in one step."""
    found = match(asked, heard)
    plain = jiwer.process_words(" ".join(asked), " ".join(heard)) if asked and heard else None
    bound = plain.substitutions + plain.deletions + plain.insertions if plain else max(len(asked), len(heard))
    assert found.errors <= bound
    assert found.asked == tuple(asked)
    assert tuple(word for step in found.steps for word in step.heard) == tuple(heard)
    assert len(found.told) >= len(asked) - found.errors


def test_missing_and_added_words_lie_behind() -> None:
    """Where a truncated reading leaves a choice, its end is missing; where a babbling one does, its end is too much."""
    short, long = ["the", "cat"], ["the", "cat", "saw", "the", "cat"]
    cut, more = match(long, short), match(short, [*short, *short])
    assert cut.tail(Kind.MISSING) == 3
    assert (more.tail(Kind.ADDED), more.tail(Kind.MISSING)) == (2, 0)


def test_the_nearest_reading_counts() -> None:
    """Of what was asked, and of how it was written down."""
    assert nearest("It opened in 2010 at 9:45.", "it opened in twenty ten at quarter to 10").errors == 0
    assert nearest("We paid $3.50.", "we paid three fifty").errors == 0
    assert nearest("It opened in 2010.", "it opened in 2011").errors == 1


def test_a_match_has_known_steps() -> None:
    """A figure that was said otherwise is one step, spelled as asked."""
    found = match(["room", "nine", "four", "now"], ["room", "ninety", "four", "please"])
    assert found == Match(
        (
            Step(Kind.SAID, ("room",), ("room",)),
            Step(Kind.SAID, ("nine", "four"), ("ninety", "four")),
            Step(Kind.REPLACED, ("now",), ("please",)),
        )
    )
    assert found.told == ("room", "nine", "four", "please")
    assert math.isclose(found.rate, 1 / 4)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("two thousand five", "2005"),
        ("twenty twenty five", "2025"),
        ("one hundred five thousand and", None),
        ("nine hundred ninety nine thousand nine hundred ninety nine", "999999"),
        ("three million two hundred thousand one", "3200001"),
        ("five thousand thousand", None),
        ("oh oh seven", "007"),
        ("triple five", "555"),
        ("double twenty", None),
        ("one hundredth", "100th"),
        ("twenty third", "23th"),
        ("a", None),
        ("hundred", None),
        ("", None),
    ],
)
def test_figures_of_words(words: str, expected: str | None) -> None:
    """As far as the grammar of numbers goes; the rest stands behind."""
    assert figure(words.split()) == expected


def test_phonemes_are_counted_or_estimated() -> None:
    """By the dictionary where it knows the word, else by letters: over the dictionary's own words right on average."""
    assert count_phonemes(["silver"]) == 5  # S IH L V ER
    assert count_phonemes(["qzxv"]) == sum(count_phonemes([letter]) for letter in "qzxv")
    assert count_phonemes(["saoirse", "vlissingen", "anthropic's"]) == pytest.approx(5 + 9 + 10, abs=3)
    strange = [word for word in pronunciations() if word.isalpha() and len(word) > 2][::50]
    truth = count_phonemes(strange)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scoring.judges.recognition.dictionary.pronunciations", dict)
        assert count_phonemes(strange) == pytest.approx(truth, rel=0.02)


def test_spellings_that_no_dictionary_has() -> None:
    """Names of any kind are alike only when they are written alike."""
    assert sound_alike("frobnitz", "frobnitz")
    assert not sound_alike("frobnitz", "frobnits")
    assert american("behaviourism") == "behaviourism"
    assert american("favourites") == "favorites"
