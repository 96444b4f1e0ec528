"""Intelligibility: word errors of a small recogniser that knows only the round's words."""

from collections import Counter
from collections.abc import Sequence

import jiwer

from scoring.judges.judge import Utterance
from scoring.judges.recognition.recogniser import Recogniser
from scoring.language.text import normalise as words_of
from scoring.report import Metrics

REPEATED = (2, 3, 4)
"""Lengths, in words, of what may be said again. Single words are not counted: a recogniser that guesses likes its short ones."""


class IntelligibilityJudge:
    """Word and character error rate against the prompt, by pocketsphinx with a bigram model of the round's texts.

    Metrics, all ≥ 0 and less is better: `wer`, `cer` (1 = everything wrong; more is possible), `tail_deletions` and
    `trailing_insertions` (words missing from the end, or added after it), `repeats` (sequences of words said again, beyond the
    prompt's own); these three as a share of the prompt's words.
    """

    name = "intelligibility"
    version = "pocketsphinx-5.1.1-bigram-4"

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Word errors of each utterance."""
        return [
            word_errors(words_of(utterance.prompt.text), [heard.word for heard in self._recogniser.recognise(utterance.clip)])
            for utterance in batch
        ]


def word_errors(asked: Sequence[str], heard: Sequence[str]) -> Metrics:
    """The errors of `heard` against `asked`; raises ValueError if nothing was asked.

    `wer = (substitutions + deletions + insertions) / asked words` of the cheapest edit (Levenshtein 1966, by jiwer); `cer` the same over
    characters.

    >>> word_errors(["take", "the", "silver", "ring"], ["take", "a", "silver"])
    {'wer': 0.5, 'cer': 0.4, 'tail_deletions': 0.25, 'trailing_insertions': 0.0, 'repeats': 0.0}
    """
    if not asked:
        raise ValueError("there is nothing to compare with: the prompt has no words")
    if not heard:
        return {"wer": 1.0, "cer": 1.0, "tail_deletions": 1.0, "trailing_insertions": 0.0, "repeats": 0.0}
    reference, hypothesis = " ".join(asked), " ".join(heard)
    words = jiwer.process_words(reference, hypothesis)
    last = words.alignments[0][-1]
    deleted = last.ref_end_idx - last.ref_start_idx if last.type == "delete" else 0
    inserted = last.hyp_end_idx - last.hyp_start_idx if last.type == "insert" else 0
    return {
        "wer": float(words.wer),
        "cer": float(jiwer.cer(reference, hypothesis)),
        "tail_deletions": deleted / len(asked),
        "trailing_insertions": inserted / len(asked),
        "repeats": repeats(asked, heard) / len(asked),
    }


def repeats(asked: Sequence[str], heard: Sequence[str]) -> int:
    """Count the sequences of 2, 3 or 4 words (the length that has most) heard more often than asked, and more than once.

    >>> repeats("we sail at dawn".split(), "we sail at dawn we sail".split())
    1
    """
    counts = [(_sequences(asked, length), _sequences(heard, length)) for length in REPEATED]
    return max(sum(max(0, count - max(1, wanted[sequence])) for sequence, count in found.items()) for wanted, found in counts)


def _sequences(words: Sequence[str], length: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[start:] for start in range(length)), strict=False))
