"""A text as Pocket TTS takes it: plain marks, a capital first, an end mark last, in pieces of bounded length and time.

All of it is the competition's: nothing in a repository changes the words, their order or how much time they get.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from scoring.synthesis.length import most_frames

PIECE_CHARACTERS = 200
"""The models were trained on short passages, so a longer text is said in pieces of at most so many characters where it has pauses."""
SHORT_WORDS = 4
TAIL_FRAMES = 2
"""Frames that follow the one in which a model says that its speech ends, so that the codec can close it."""
SHORT_TAIL_FRAMES = 4
"""The same for a piece of at most SHORT_WORDS words."""
_MARKS = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})
_CLOSERS = "\"')]"
_SENTENCE = re.compile(r"(?<=[.!?\u2026])[\"')\]]*\s+")
_CLAUSE = re.compile(r"(?<=[,;:\u2013\u2014])\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """Words that are said in one go; `most_frames` bounds the frames until the model says that they are said."""

    text: str
    most_frames: int
    tail_frames: int


def pieces(text: str, frame_rate: float) -> tuple[Piece, ...]:
    """A text's pieces, in order, at a codec's frames per second; raises ValueError for a text without a word.

    >>> [piece.text for piece in pieces("it’s late,", 12.5)]
    ["It's late."]
    """
    plain = " ".join(text.translate(_MARKS).split())
    if not any(character.isalnum() for character in plain):
        raise ValueError("the text holds no word")
    return tuple(_piece(part, frame_rate) for part in _parts(plain))


def _parts(text: str) -> list[str]:
    """Sentences, grouped as far as they fit together; a sentence that is too long is cut at its clauses first."""
    found: list[str] = []
    for sentence in _split(_SENTENCE, text):
        found += [sentence] if len(sentence) <= PIECE_CHARACTERS else _split(_CLAUSE, sentence)
    grouped: list[str] = []
    for part in found:
        if grouped and len(grouped[-1]) + 1 + len(part) <= PIECE_CHARACTERS:
            grouped[-1] += f" {part}"
        else:
            grouped.append(part)
    return grouped


def _split(pause: re.Pattern[str], text: str) -> list[str]:
    """The text cut after each pause; what the pattern takes beside blanks stays with the part before it."""
    starts = [0, *(match.end() for match in pause.finditer(text)), len(text)]
    cut = (text[start:end].strip() for start, end in pairwise(starts))
    return [part for part in cut if part]


def _piece(part: str, frame_rate: float) -> Piece:
    text = _closed(part[0].upper() + part[1:])
    tail = SHORT_TAIL_FRAMES if len(text.split()) <= SHORT_WORDS else TAIL_FRAMES
    return Piece(text, most_frames(text, frame_rate), tail)


def _closed(text: str) -> str:
    """The text with an end mark: a weak one gives way to a full stop, which otherwise follows."""
    core = text.rstrip(_CLOSERS + " ")
    if core.endswith((".", "!", "?", "\u2026")):
        return text
    if weak := len(core) - len(core.rstrip(",;:-\u2013\u2014 ")):
        return core[:-weak] + "." + text[len(core) :]
    return f"{text}."
