"""Texts as Pocket TTS takes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.synthesis.pocket_tts.preparation import PIECE_CHARACTERS, Piece, pieces

LONG = "one two three four five six seven eight nine ten, " * 6
"""300 characters of one sentence, with commas."""


def said(text: str) -> list[str]:
    """The words of each piece."""
    return [piece.text for piece in pieces(text, 12.5)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("hello", ["Hello."], id="a capital and a full stop"),
        pytest.param("Is it late?", ["Is it late?"], id="an end mark stays"),
        pytest.param("he said “go on”", ['He said "go on".'], id="an end mark after a closing quote"),
        pytest.param('He said "go on."', ['He said "go on."'], id="an end mark before a closing quote"),
        pytest.param("wait for me, ", ["Wait for me."], id="a comma gives way"),
        pytest.param("wait for me —", ["Wait for me."], id="a dash gives way"),
        pytest.param("  too   many\n blanks ", ["Too many blanks."], id="blanks"),
        pytest.param("it’s", ["It's."], id="an apostrophe"),
        pytest.param("One. Two! Three?", ["One. Two! Three?"], id="short sentences together"),
        pytest.param("3.5 of 4.0", ["3.5 of 4.0."], id="a decimal point is no end"),
    ],
)
def test_prepared(text: str, expected: list[str]) -> None:
    """Each rule by an example."""
    assert said(text) == expected


def test_long_texts_are_cut_between_sentences() -> None:
    """No piece is longer than the models were trained on."""
    sentence = "This sentence has some sixty characters, more or less of them."
    found = said(" ".join([sentence] * 7))
    assert found == [" ".join([sentence] * 3), " ".join([sentence] * 3), sentence]


def test_a_long_sentence_is_cut_at_its_clauses() -> None:
    """And each part ends as a sentence does."""
    found = said(LONG)
    assert [part.count("ten") for part in found] == [4, 2]
    assert all(len(part) <= PIECE_CHARACTERS and part.endswith("ten.") and part[0] == "O" for part in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # 21 characters: 12.5 × (21 / 6 + 2) = 68.75
        pytest.param("Say these five words", Piece("Say these five words.", 69, 4), id="few words have a longer tail"),
        # 28 characters: 12.5 × (28 / 6 + 2) = 83.3
        pytest.param("These are one two six words", Piece("These are one two six words.", 84, 2), id="more words"),
        # three figures count as eighteen: 12.5 × (19 / 6 + 2) = 64.6
        pytest.param("911", Piece("911.", 65, 4), id="figures take longer"),
    ],
)
def test_how_long_a_piece_may_take(text: str, expected: Piece) -> None:
    """From its characters alone: a repository has no say in it."""
    assert pieces(text, 12.5) == (expected,)


@pytest.mark.parametrize("text", ["", "   ", "...", "—"])
def test_no_word(text: str) -> None:
    """There is nothing to say."""
    with pytest.raises(ValueError, match="no word"):
        pieces(text, 12.5)


@given(st.text(st.sampled_from("ab1 .,!?’”—\n"), max_size=600).filter(lambda text: any(map(str.isalnum, text))))
def test_no_letter_is_lost(text: str) -> None:
    """Letters and figures come out in their order, whatever stands between them."""
    found = "".join(said(text))
    assert [c.lower() for c in found if c.isalnum()] == [c for c in text if c.isalnum()]
