"""Words that a stranger chose, as a guest's or a hub's: printable text that moves no cursor and turns no other text around."""

import re

MOST_CHARACTERS = 400
_SURE = re.compile(r"[ -~]*")
"""What needs no look at each character."""


def printable(text: str, *, lines: bool = False) -> str:
    """The text with each character that cannot be printed (controls, bidirectional marks, lone surrogates) written as its escape.

    With `lines` the ends of lines stay: only for where each line is shown as one of the stranger's.

    >>> printable("two\\nlines, \\u202eturned")
    'two\\\\nlines, \\\\u202eturned'
    """
    if _SURE.fullmatch(text):
        return text
    return "".join(each if each.isprintable() or (lines and each == "\n") else _escape(each) for each in text)


def in_template(value: object) -> object:
    """What a template of a page writes for a value (its `finalize`): text that can be printed; markup of ours stays as it is.

    >>> in_template("gnp.\u202efdp"), in_template(7)
    ('gnp.\\u202efdp', 7)
    """
    return printable(value, lines=True) if isinstance(value, str) and not hasattr(value, "__html__") else value


def escaped(text: str, most: int = MOST_CHARACTERS) -> str:
    """The same on one line of at most `most` characters, without the space around it."""
    line = printable(text.strip())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
