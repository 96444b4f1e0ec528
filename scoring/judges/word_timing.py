"""Places of the prompt's words in a clip: rate and pitch are measured there, not on other sound beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from scoring.audio.audio import FRAME_SECONDS, activity
from scoring.audio.clip import RATE, Clip
from scoring.judges.judge import Utterance
from scoring.judges.recognition.matching import Kind, match
from scoring.judges.recognition.whisper import HeardWord, Recogniser
from scoring.language.lattice import Slots, closest
from scoring.language.text import lattice

MARGIN_SECONDS = 0.1
"""A word may sound so long before and after where a recogniser puts it."""


@dataclass(frozen=True, slots=True)
class WordSpan:
    """A word of the prompt in the clip: where, in seconds, and whether it was `said`, or another one in its place."""

    word: str
    start: float
    end: float
    said: bool


class WordFinder(Protocol):
    """Finds the prompt's words in an utterance."""

    def find(self, utterance: Utterance) -> tuple[WordSpan, ...]:
        """The prompt's words that were heard, in order; raises InfrastructureFault when the recogniser itself fails."""
        ...


class WordAligner:
    """Finds words by a recogniser's own account."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser

    def find(self, utterance: Utterance) -> tuple[WordSpan, ...]:
        """Find the prompt's words in the utterance (see `WordFinder.find`)."""
        return match_words(lattice(utterance.prompt.text), self._recogniser.place(utterance.clip))


def match_words(asked: Slots, heard: Sequence[HeardWord]) -> tuple[WordSpan, ...]:
    """Match heard words to the nearest reading of the asked ones; added words have no span.

    Where several words stand for several, they share the time by their letters.
    """
    spans: list[WordSpan] = []
    left = iter(heard)
    for step in match(*closest(asked, [((one.word,),) for one in heard])).steps:
        places = [next(left) for _ in step.heard]
        if places and step.asked:
            spans += _shared(step.asked, places[0].start, places[-1].end, said=step.kind is Kind.SAID)
    return tuple(spans)


def _shared(words: Sequence[str], start: float, end: float, said: bool) -> Iterator[WordSpan]:
    """The words one after the other from `start` to `end`.

    >>> [(span.start, span.end) for span in _shared(["a", "bcd"], 1.0, 3.0, said=True)]
    [(1.0, 1.5), (1.5, 3.0)]
    """
    letters = sum(len(word) for word in words)
    for word in words:
        stop = start + (end - start) * len(word) / letters
        yield WordSpan(word, start, stop, said)
        start, letters = stop, letters - len(word)


def said_mask(spans: Sequence[WordSpan], length: int, rate: float) -> torch.Tensor:
    """Mark the instants (`length` of them, `rate` a second) that belong to words that were said: bool [length].

    A margin around a word belongs to it, except where another word was heard.
    """
    found = torch.zeros(length, dtype=torch.bool)
    for said, margin in ((True, MARGIN_SECONDS), (False, 0.0), (True, 0.0)):
        for span in spans:
            if span.said is said:
                first, last = round((span.start - margin) * rate), round((span.end + margin) * rate)
                found[max(0, first) : max(0, last)] = said
    return found


def stray(clip: Clip, spans: Sequence[WordSpan]) -> float:
    """Seconds of sound, ≥ 0, less is better, where no word of the prompt is, nor one that was heard in its place.

    >>> from scoring.audio.audio import Audio
    >>> clip = Clip(Audio(0.1 * torch.sin(torch.arange(32_000) * 0.3), RATE))  # two seconds of tone
    >>> round(stray(clip, [WordSpan("one", 0.0, 0.9, said=True)]), 2)  # a word may last 0.1 s longer
    1.0
    """
    active = activity(clip.at(RATE), clip.floor)
    taken = said_mask([replace(span, said=True) for span in spans], active.shape[0], 1.0 / FRAME_SECONDS)
    return int((active & ~taken).sum()) * FRAME_SECONDS
