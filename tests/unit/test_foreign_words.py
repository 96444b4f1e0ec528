"""Words of strangers stay on their line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.errors import Code, SubmissionFault
from scoring.foreign_words import MOST_CHARACTERS, escaped, printable
from voice_api.web.pages.page import environment
from workers.sandbox.guest.frames import Frame, FrameKind


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param("Ärger in 音声, naïve", "Ärger in 音声, naïve", id="letters of any script"),
        pytest.param(" two\nlines\t", "two\\nlines", id="a new line"),
        pytest.param("\x1b[2Jcleared\x00", "\\x1b[2Jcleared\\x00", id="a terminal's command"),
        pytest.param("a\u202eb\u2066c\u200fd", "a\\u202eb\\u2066c\\u200fd", id="text turned around"),
        pytest.param("a\u2028b\ud800", "a\\u2028b\\ud800", id="a line separator and half a character"),
        pytest.param("x" * 500, "x" * (MOST_CHARACTERS - 1) + "…", id="too long"),
        pytest.param("\0" * 200, "\\x00" * 99 + "\\x0…", id="too long once escaped"),
    ],
)
def test_words_of_strangers(given: str, shown: str) -> None:
    """Everything that is no plain character is seen as its escape, and the whole is bounded."""
    assert escaped(given) == shown
    assert len(shown) <= MOST_CHARACTERS
    assert shown.isprintable()


SIGNS = "a \n\t\r\x00\x07\x1b\x7f\x9b\xad\u200b\u200f\u2028\u202e\u2066\ufeff\ud800\U000e0041"
ANY = st.text(st.characters(codec=None), max_size=60) | st.text(st.sampled_from(SIGNS))


@given(ANY, st.booleans())
def test_no_text_gets_a_control_through(text: str, lines: bool) -> None:
    """Whatever it is: what is left can be printed, nothing is lost, and doing it twice changes nothing."""
    shown = printable(text, lines=lines)
    assert shown.replace("\n", "" if lines else "\n").isprintable()
    assert printable(shown, lines=lines) == shown
    assert shown == text or not text.isprintable()


@given(ANY)
def test_an_errors_words_can_be_printed(text: str) -> None:
    """Every coded error may quote a stranger: its words are made harmless where it is made."""
    error = SubmissionFault(Code.CONFIG_INVALID, f"it says {text}")
    for words in (error.detail, str(error), error.told):
        assert words.replace("\n", "").isprintable()


@given(ANY)
def test_a_page_writes_nothing_that_turns_text(text: str) -> None:
    """Whether or not a template thought of it: the value may stand in a text, in an attribute, or in a macro's markup."""
    page = environment().from_string('{% macro m(x) %}<b>{{ x }}</b>{% endmacro %}{{ w }}<i title="{{ w }}">{{ m(w) }}</i>')
    assert page.render(w=text).replace("\n", "").isprintable()


@given(st.binary(max_size=80))
def test_a_guests_reason_is_one_printable_line(payload: bytes) -> None:
    """Whatever bytes it sent for one."""
    assert Frame(FrameKind.SAMPLE_FAILED, payload=payload).reason.isprintable()
