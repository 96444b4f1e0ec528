"""Forced alignment: the place and time of each word of the prompt in the weak recogniser's emissions.

Source: the Viterbi path of a CTC network's emissions through the prompt's letters (Kürzinger et al. 2020, torchaudio's `forced_align`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from weakref import WeakKeyDictionary

import torch
import torchaudio.functional as F  # noqa: N812  (the name its own documentation uses)

from scoring.audio.audio import normalise
from scoring.audio.clip import RATE, Clip
from scoring.judges.judge import Utterance
from scoring.judges.standard.ctc import Emissions, WeakRecogniser
from scoring.judges.word_timing import WordSpan
from scoring.language.text import normalise as words_of
from scoring.report import Metrics

UNSAID = math.log(0.05)
"""A word whose letters have a lower mean log-probability where alignment puts them was not said."""


@dataclass(frozen=True, slots=True)
class AlignedWord:
    """A word of the prompt in the clip: seconds from its start, and its letters' mean log-probability."""

    word: str
    start: float
    end: float
    confidence: float


def align(recogniser: WeakRecogniser, words: Sequence[str], emissions: Emissions) -> tuple[AlignedWord, ...]:
    """Find each word with at least one known letter, in order; none where the clip is too short to hold them.

    A word's confidence is the mean over its letters of the mean log-probability, ≤ 0, in the frames where alignment puts the letter.
    """
    spelled = [(word, letters) for word in words if (letters := recogniser.spell(word))]
    targets = [symbol for _, letters in spelled for symbol in (recogniser.between, *letters)][1:]
    needed = len(targets) + sum(one == other for one, other in pairwise(targets))  # a blank between equals
    if not targets or needed > emissions.log_probs.shape[0]:
        return ()
    path, scores = F.forced_align(emissions.log_probs[None], torch.tensor([targets]), blank=recogniser.blank)
    spans = F.merge_tokens(path[0], scores[0], blank=recogniser.blank)
    found: list[AlignedWord] = []
    start = 0
    for word, letters in spelled:
        own = spans[start : start + len(letters)]
        confidence = math.fsum(float(scores[0, span.start : span.end].mean()) for span in own) / len(own)
        found.append(AlignedWord(word, own[0].start * emissions.step, own[-1].end * emissions.step, confidence))
        start += len(letters) + 1
    return tuple(found)


def timing(said: Sequence[AlignedWord], seconds: float, phonemes: int) -> Metrics:
    """Metrics of the timing of a clip of so many seconds, in which so many phonemes were asked.

    `lead_in`, `lead_out`, `longest_gap`: seconds before the first, after the last and at most between two words, ≥ 0, less is better;
    `articulation_rate`: phonemes per second of words; `tail_unsaid`: words missing from the prompt's end, as a share of its words,
    0 … 1, less is better. Where nothing could be aligned, everything is missing and the whole clip is a lead-out.

    >>> timing([AlignedWord("good", 0.5, 1.0, -0.1), AlignedWord("day", 1.25, 1.5, -9.0)], seconds=2.0, phonemes=6)
    {'lead_in': 0.5, 'lead_out': 0.5, 'longest_gap': 0.25, 'articulation_rate': 8.0, 'tail_unsaid': 0.5}
    """
    if not said:
        return {"lead_in": 0.0, "lead_out": seconds, "longest_gap": 0.0, "articulation_rate": 0.0, "tail_unsaid": 1.0}
    unsaid = next((index for index, word in enumerate(reversed(said)) if word.confidence >= UNSAID), len(said))
    return {
        "lead_in": said[0].start,
        "lead_out": max(0.0, seconds - said[-1].end),
        "longest_gap": max((after.start - before.end for before, after in pairwise(said)), default=0.0),
        "articulation_rate": phonemes / math.fsum(word.end - word.start for word in said),
        "tail_unsaid": unsaid / len(said),
    }


class ForcedAligner:
    """Forced alignment by a recogniser's emissions, which are kept with the clip. One thread at a time."""

    def __init__(self, recogniser: WeakRecogniser) -> None:
        self.recogniser = recogniser
        self._known: WeakKeyDictionary[Clip, Emissions] = WeakKeyDictionary()

    def listen(self, clips: Sequence[Clip]) -> list[Emissions]:
        """Return the emissions of each clip, in order; clips not heard before go through the net together."""
        new = list(dict.fromkeys(clip for clip in clips if clip not in self._known))
        heard = self.recogniser.listen([normalise(clip.at(RATE)).samples for clip in new]) if new else []
        self._known.update(zip(new, heard, strict=True))
        return [self._known[clip] for clip in clips]

    def align(self, utterance: Utterance) -> tuple[AlignedWord, ...]:
        """Find the prompt's words in the clip, with the confidence that they were said."""
        (emissions,) = self.listen([utterance.clip])
        return align(self.recogniser, words_of(utterance.prompt.text), emissions)

    def find(self, utterance: Utterance) -> tuple[WordSpan, ...]:
        """Find the prompt's words (see `WordFinder.find`); a word of low confidence was not said where alignment puts it."""
        return tuple(WordSpan(said.word, said.start, said.end, said.confidence >= UNSAID) for said in self.align(utterance))
