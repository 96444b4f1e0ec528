"""A bigram language model over a round's own texts, in the ARPA format."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

START, END = "<s>", "</s>"
DISCOUNT = 0.5
"""Absolute discount taken from each seen bigram, given to the back-off."""
NEVER = -99.0
"""log10 of a probability that is never used (a sentence does not begin twice)."""


def arpa(sentences: Iterable[Sequence[str]]) -> str:
    """The model as ARPA text, sorted: equal texts in any order give equal bytes. Raises ValueError if there is none."""
    padded = [[START, *sentence, END] for sentence in sentences if sentence]
    if not padded:
        raise ValueError("a language model needs at least one sentence")
    words = Counter(word for sentence in padded for word in sentence[1:])
    pairs = Counter(pair for sentence in padded for pair in pairwise(sentence))
    unigrams = {word: count / words.total() for word, count in words.items()}
    lines = ["\\data\\", f"ngram 1={len(unigrams) + 1}", f"ngram 2={len(pairs)}", "", "\\1-grams:"]
    followers: dict[str, list[str]] = {word: [] for word in (START, *unigrams)}
    for first, second in pairs:
        followers[first].append(second)
    for word in sorted(followers):
        chance = math.log10(unigrams[word]) if word in unigrams else NEVER
        lines.append(f"{chance:.4f} {word} {_back_off(word, followers[word], pairs, unigrams):.4f}")
    lines += ["", "\\2-grams:"]
    for first, second in sorted(pairs):
        total = sum(pairs[first, follower] for follower in followers[first])
        lines.append(f"{math.log10((pairs[first, second] - DISCOUNT) / total):.4f} {first} {second}")
    return "\n".join([*lines, "", "\\end\\", ""])


def _back_off(word: str, followers: Sequence[str], pairs: Counter[tuple[str, str]], unigrams: dict[str, float]) -> float:
    """log10 of the weight of a word's unseen successors: the mass taken by the discount over their unigram mass."""
    if not followers:
        return 0.0
    freed = DISCOUNT * len(followers) / sum(pairs[word, follower] for follower in followers)
    unseen = 1.0 - math.fsum(sorted(unigrams[follower] for follower in followers))
    return math.log10(freed / max(unseen, 1e-9))
