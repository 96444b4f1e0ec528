"""Places of the prompt's words in a clip: rate and pitch are measured there, not on other sound beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import jiwer
import torch

from scoring.judges.judge import Utterance
from scoring.judges.recognition.recogniser import HeardWord, Recogniser
from scoring.language.text import normalise as words_of

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
        return match_words(words_of(utterance.prompt.text), self._recogniser.recognise(utterance.clip))


def match_words(asked: Sequence[str], heard: Sequence[HeardWord]) -> tuple[WordSpan, ...]:
    """Match heard words to the asked ones (Levenshtein alignment, by jiwer); added words have no span."""
    if not asked or not heard:
        return ()
    spans: list[WordSpan] = []
    for part in jiwer.process_words(" ".join(asked), " ".join(one.word for one in heard)).alignments[0]:
        if part.type in {"equal", "substitute"}:
            words, sounds = asked[part.ref_start_idx : part.ref_end_idx], heard[part.hyp_start_idx : part.hyp_end_idx]
            said = part.type == "equal"
            spans += [WordSpan(word, one.start, one.end, said) for word, one in zip(words, sounds, strict=True)]
    return tuple(spans)


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
