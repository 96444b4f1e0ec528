"""Intelligibility: word errors of a recogniser that knows any word."""

from collections import Counter
from collections.abc import Sequence

import jiwer

from scoring.judges.judge import Utterance
from scoring.judges.recognition.matching import Kind, Match, nearest
from scoring.judges.recognition.whisper import VERSION, Recogniser
from scoring.judges.word_timing import WordAligner, stray
from scoring.report import Metrics

REPEATED = (2, 3, 4)
"""Lengths, in words, of what may be said again. Single words are not counted: a recogniser that guesses likes its short ones."""


class IntelligibilityJudge:
    """Word and character error rate against the nearest accepted reading of the prompt, by Whisper tiny.en.

    Metrics, less is better: `wer`, `cer` (0 … 1: everything wrong, or more wrong than there is), `tail_deletions` and
    `trailing_insertions` (words missing from the end, or added after it), `repeats` (sequences of words said again, beyond the
    prompt's own); these three ≥ 0, as a share of the prompt's words; `stray`: seconds of sound, ≥ 0, that belong to no word of the prompt
    nor to one in its place: what no recogniser takes for words is heard all the same.
    """

    name = "intelligibility"
    version = f"{VERSION}-2"

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self._finder = WordAligner(recogniser)

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Word errors and stray sound of each utterance."""
        return [
            word_errors(utterance.prompt.text, self._recogniser.hear(utterance.clip))
            | {"stray": stray(utterance.clip, self._finder.find(utterance))}
            for utterance in batch
        ]


def word_errors(text: str, heard: str) -> dict[str, float]:
    """The errors of what was heard against the nearest reading of a text; raises ValueError if the text has no words.

    `wer = min(1, (replaced + missing + added) / asked words)` of the cheapest edit (see `matching.match`); `cer` the same over
    characters (Levenshtein 1966, by jiwer), where a word that was matched is spelled as asked.

    >>> word_errors("Take the silver ring.", "Take a silver")
    {'wer': 0.5, 'cer': 0.4, 'tail_deletions': 0.25, 'trailing_insertions': 0.0, 'repeats': 0.0}
    """
    found = nearest(text, heard)
    words = len(found.asked)
    if not words:
        raise ValueError("there is nothing to compare with: the prompt has no words")
    return {
        "wer": min(1.0, found.rate),
        "cer": _characters(found),
        "tail_deletions": found.tail(Kind.MISSING) / words,
        "trailing_insertions": found.tail(Kind.ADDED) / words,
        "repeats": repeats(found.asked, found.told) / words,
    }


def _characters(found: Match) -> float:
    told = " ".join(found.told)
    return min(1.0, float(jiwer.cer(" ".join(found.asked), told))) if told else 1.0


def repeats(asked: Sequence[str], heard: Sequence[str]) -> int:
    """Count the sequences of 2, 3 or 4 words (the length that has most) heard more often than asked, and more than once.

    >>> repeats("we sail at dawn".split(), "we sail at dawn we sail".split())
    1
    """
    counts = [(_sequences(asked, length), _sequences(heard, length)) for length in REPEATED]
    return max(sum(max(0, count - max(1, wanted[sequence])) for sequence, count in found.items()) for wanted, found in counts)


def _sequences(words: Sequence[str], length: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[start:] for start in range(length)), strict=False))
