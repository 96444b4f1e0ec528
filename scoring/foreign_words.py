"""Words that a stranger chose, as a guest's or a hub's: one printable line that moves no cursor and turns no text around."""

MOST_CHARACTERS = 400


def escaped(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text on one line of at most `most` characters; what cannot be printed (controls, bidirectional marks) is written as its escape.

    >>> escaped("two\\nlines, \\u202eturned")
    'two\\\\nlines, \\\\u202eturned'
    """
    line = "".join(character if character.isprintable() else _escape(character) for character in text.strip())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
