"""When each word of the prompt was said: forced alignment of the prompt with what the weak recogniser heard."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torchaudio.functional as F  # noqa: N812  (the name its own documentation uses)

from scoring.judges.standard.ctc import Emissions, WeakRecogniser
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
    """Where each word with at least one known letter lies, in order; none where the clip is too short to hold them."""
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
    """Numbers on the timing of a clip of so many seconds, in which so many phonemes were asked.

    `lead_in`, `lead_out`, `longest_gap`: seconds before the first, after the last and at most between two words;
    `articulation_rate`: phonemes per second of words; `tail_unsaid`: words missing from the prompt's end, as a share of its words.
    Where nothing could be aligned, everything is missing and the whole clip is a lead-out.
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
