"""Words of strangers stay on their line."""

import pytest

from scoring.foreign_words import MOST_CHARACTERS, escaped


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
