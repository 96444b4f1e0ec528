"""The grammars: every word can be recognised, every slot filled, every sentence of a speakable length."""

from itertools import pairwise

import pytest

from prompts.draw import Draw
from prompts.texts import KINDS, SLOT, Grammar, grammars
from scoring.judges.recognition.dictionary import unknown
from scoring.language.text import doubts, normalise, spell

LEAST_COMBINATIONS = 10_000
"""Sentences a single line can make: too many to record them all."""


def by_kind(kind: str) -> Grammar:
    return next(grammar for grammar in grammars() if grammar.kind == kind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_is_in_the_dictionary(kind: str) -> None:
    """All that a sentence can be made of, lines and fillings, is known to the recogniser."""
    grammar = by_kind(kind)
    pieces = [*(SLOT.sub(" ", line) for line in grammar.lines), *(way for ways in grammar.words.values() for way in ways)]
    assert unknown(word for piece in pieces for word in spell(piece.replace(" 's", ""))) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_every_slot_can_be_filled(kind: str) -> None:
    """A line names only slots that have words or a range of numbers."""
    grammar = by_kind(kind)
    assert {slot for line in grammar.lines for slot in SLOT.findall(line)} <= {*grammar.words, *grammar.numbers}


def test_every_number_is_spelled_in_words_of_the_dictionary() -> None:
    """Each number that may be drawn, and each time of day, becomes known words and no digits."""
    ranges = [bounds for grammar in grammars() for bounds in grammar.numbers.values()]
    numbers = {str(number) for first, last in ranges for number in range(first, last + 1)}
    clock = {f"{hour}:{minute}" for hour in range(1, 13) for minute in by_kind("numbers").words["minute"]}
    spelled = [normalise(text) for text in numbers | clock | set(by_kind("numbers").words["nth"])]
    assert all(words and all(word.isalpha() for word in words) for words in spelled)
    assert unknown(word for words in spelled for word in words) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_sentences_have_a_speakable_length(kind: str) -> None:
    """8 to 18 words as written, at most 26 once numbers are spelled."""
    draw = Draw(bytes(32), kind)
    for _ in range(300):
        text = by_kind(kind).sentence(draw)
        assert 8 <= len(text.split()) <= 18, text
        assert len(spell(text)) <= 26, text
        assert doubts(text) == (), text


@pytest.mark.parametrize("kind", KINDS)
def test_articles_fit_their_nouns(kind: str) -> None:
    """'a' never meets a vowel."""
    draw = Draw(bytes(32), f"articles {kind}")
    for _ in range(1000):
        words = by_kind(kind).sentence(draw).lower().split()
        assert not [pair for pair in pairwise(words) if pair[0] == "a" and pair[1][0] in "aeio"]


def test_lines_can_make_more_sentences_than_anybody_records() -> None:
    """Each line has at least ten thousand fillings."""
    for grammar in grammars():
        sizes = {slot: len(ways) for slot, ways in grammar.words.items()}
        sizes |= {slot: last - first + 1 for slot, (first, last) in grammar.numbers.items()}
        for line in grammar.lines:
            combinations = 1
            for slot in SLOT.findall(line):
                combinations *= sizes[slot]
            assert combinations >= LEAST_COMBINATIONS, line
