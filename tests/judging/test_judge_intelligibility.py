"""Intelligibility: the language model, the comparison, and a recogniser that hears the same words in any order of clips."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scoring.audio.audio import Audio, from_pcm, noise_floor
from scoring.audio.clip import Clip
from scoring.errors import Code, InfrastructureFault
from scoring.judges.intelligibility import IntelligibilityJudge, repeats, word_errors
from scoring.judges.judge import Utterance
from scoring.judges.recognition.recogniser import NOISE_FLOOR, HeardWord, Recogniser, arpa
from scoring.report import Factor
from scoring.scores.aggregate import load_anchors

TEXTS = (
    "Follow the swan past the broken tower, and do not answer if the ghost calls your name.",
    "Room 946 is on the 17th floor, between the chapel and the red elevator.",
    "Is it true that Peter found a silver parrot behind the market on Monday?",
    "Nobody in Chicago remembers Rachel Morgan, who painted the bakery brown.",
)


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    """Of the four texts."""
    return Recogniser(TEXTS)


@pytest.fixture(scope="module")
def judge(recogniser: Recogniser) -> IntelligibilityJudge:
    """A judge that compares its words with the prompt's."""
    return IntelligibilityJudge(recogniser)


@pytest.fixture(scope="module")
def clips(speak: Callable[..., bytes]) -> list[Audio]:
    """Three texts in a clear voice, a hard one and a harder one."""
    voices = ("en-us+f2", "en-us+whisper", "en-us")
    return [from_pcm(speak(text, voice=voice), 22_050) for text, voice in zip(TEXTS, voices, strict=False)]


ASKED = ("take", "my", "silver", "ring", "home")


def read(model: str) -> tuple[dict[str, tuple[float, float]], dict[tuple[str, str], float]]:
    """Probabilities and back-off weights of words, probabilities of pairs."""
    ones, twos = model.split("\\1-grams:\n")[1].split("\\2-grams:\n")
    words = {word: (10.0 ** float(p), 10.0 ** float(b)) for p, word, b in (line.split() for line in ones.strip().splitlines())}
    pairs = {}
    for line in twos.split("\\end\\")[0].strip().splitlines():
        p, first, second = line.split()
        pairs[first, second] = 10.0 ** float(p)
    return words, pairs


def test_the_language_model_is_a_distribution() -> None:
    """After each word, seen and unseen successors share a probability of 1; so do the words by themselves."""
    words, pairs = read(arpa([("a", "b", "a", "c"), ("b", "c"), ("a",)]))
    sayable = [word for word in words if word != "<s>"]
    assert math.fsum(words[word][0] for word in sayable) == pytest.approx(1.0, abs=1e-3)
    for first in ("<s>", "a", "b", "c"):
        total = math.fsum(pairs.get((first, word), words[first][1] * words[word][0]) for word in sayable)
        assert total == pytest.approx(1.0, abs=1e-3), first


def test_the_language_model_has_known_numbers() -> None:
    """'a' is followed by b, c and the end, once each: (1 - .5) / 3; half of the mass is for the unseen."""
    words, pairs = read(arpa([("a", "b", "a", "c"), ("b", "c"), ("a",)]))
    assert pairs["a", "b"] == pytest.approx(0.5 / 3, rel=1e-3)
    assert pairs["<s>", "a"] == pytest.approx(1.5 / 3, rel=1e-3)
    assert words["a"][0] == pytest.approx(3 / 10, rel=1e-3)


def test_the_language_model_does_not_depend_on_order() -> None:
    """Equal texts, equal bytes; and no text is no model."""
    assert arpa([("a", "b"), ("c",)]) == arpa([("c",), ("a", "b")])
    with pytest.raises(ValueError, match="at least one sentence"):
        arpa([()])


@pytest.mark.parametrize(
    ("heard", "wer", "tail", "trailing"),
    [
        pytest.param("take my silver ring home", 0.0, 0.0, 0.0, id="all of it"),
        pytest.param("take my golden ring home", 0.2, 0.0, 0.0, id="one word wrong"),
        pytest.param("take my silver", 0.4, 0.4, 0.0, id="cut off"),
        pytest.param("take my silver ring home the the the", 0.6, 0.0, 0.6, id="babble at the end"),
        pytest.param("my silver ring home", 0.2, 0.0, 0.0, id="the start is missing"),
        pytest.param("", 1.0, 1.0, 0.0, id="nothing"),
    ],
)
def test_compares(heard: str, wer: float, tail: float, trailing: float) -> None:
    """Errors are shares of the five words asked."""
    metrics = word_errors(ASKED, heard.split())
    assert (metrics["wer"], metrics["tail_deletions"], metrics["trailing_insertions"]) == pytest.approx((wer, tail, trailing))
    assert (metrics["cer"] == 0.0) == (wer == 0.0)


@pytest.mark.parametrize(
    ("asked", "heard", "expected"),
    [
        pytest.param("a b c d", "a b c d", 0, id="none"),
        pytest.param("a b c d", "a a a a", 2, id="'a a' three times"),
        pytest.param("a b c d", "a b c d a b c d", 3, id="all of it again: a b, b c, c d"),
        pytest.param("a b x a b y", "a b x a b y", 0, id="the prompt's own"),
        pytest.param("a b x a b y", "a b x a b y a b", 1, id="once more than the prompt's own"),
        pytest.param("a b c d", "x y z x y z", 2, id="of other words: x y, y z"),
        pytest.param("a b c d", "x", 0, id="too short to repeat"),
        pytest.param("a b c d", "", 0, id="nothing"),
    ],
)
def test_counts_repeats(asked: str, heard: str, expected: int) -> None:
    """Sequences of words that were said again although the prompt does not."""
    assert repeats(asked.split(), heard.split()) == expected
    assert word_errors(asked.split(), heard.split())["repeats"] == expected / len(asked.split())


WORDS = st.lists(st.sampled_from(["a", "bc", "def", "g'h"]), max_size=12)


@given(asked=WORDS.filter(bool), heard=WORDS)
def test_comparing_is_bounded_and_exact_for_equals(asked: list[str], heard: list[str]) -> None:
    """Nothing is negative or beyond what was heard; equal words are without any error."""
    found = word_errors(asked, heard)
    assert all(value >= 0.0 for value in found.values())
    assert found["tail_deletions"] <= 1.0
    assert max(found["trailing_insertions"], found["repeats"]) <= len(heard) / len(asked)
    assert found["wer"] <= max(len(asked), len(heard)) / len(asked)
    assert word_errors(asked, asked) == dict.fromkeys(found, 0.0)


def test_what_is_wrong_costs_by_its_own_metric(
    judge: IntelligibilityJudge, clips: list[Audio], ask: Callable[..., Utterance]
) -> None:
    """A truncated, a repeating and a babbling reading of a clear voice; the honest one pays nothing."""
    first, other = clips[0].samples, clips[2].samples
    size = first.shape[0]
    pieces = {
        "honest": [first],
        "tail_deletions": [first[: size // 2]],
        "repeats": [first[: size // 2], first[size // 4 : size // 2], first[size // 4 :]],
        "trailing_insertions": [first, other[:60_000]],
    }
    spoken = [ask(Audio(torch.cat(parts), 22_050), text=TEXTS[0]) for parts in pieces.values()]
    found = dict(zip(pieces, judge.measure(spoken), strict=True))
    scale = load_anchors().factors[Factor.INTELLIGIBILITY]
    assert scale.utility(found["honest"]) == 1.0
    for metric in ("tail_deletions", "repeats", "trailing_insertions"):
        assert scale.metrics[metric].utility(found[metric][metric]) < 0.6, metric
        assert scale.utility(found[metric]) < 0.6


def test_an_empty_prompt_cannot_be_compared() -> None:
    """Nothing asked is a mistake of ours, not a perfect or a failed reading."""
    with pytest.raises(ValueError, match="no words"):
        word_errors([], ["a"])


def test_hears_the_same_in_any_order(recogniser: Recogniser, clips: list[Audio]) -> None:
    """Forwards, backwards and repeated, in this recogniser and in a fresh one: the same words at the same places for one clip."""
    first = [recogniser.recognise(Clip(clip)) for clip in clips]
    assert [recogniser.recognise(Clip(clip)) for clip in reversed(clips)] == first[::-1]
    assert recogniser.recognise(Clip(clips[1])) == first[1]
    fresh = Recogniser(reversed(TEXTS))
    assert [fresh.recognise(Clip(clip)) for clip in (clips[2], clips[0])] == [first[2], first[0]]


def test_knows_when_each_word_was_said(recogniser: Recogniser, clips: list[Audio]) -> None:
    """In order, inside of the clip; a second of silence in front moves every word by a second, give or take a frame."""
    words = recogniser.recognise(Clip(clips[0]))
    assert [heard.word for heard in words[:3]] == ["follow", "the", "swan"]
    assert all(one.end <= other.start + 0.011 for one, other in pairwise(words))
    assert -0.1 < words[0].start < words[-1].end < clips[0].seconds + 0.1
    later = recogniser.recognise(Clip(Audio(torch.nn.functional.pad(clips[0].samples, (22_050, 0)), 22_050)))
    assert [heard.start - 1.0 for heard in later] == pytest.approx([heard.start for heard in words], abs=0.05)


def test_a_clip_is_decoded_once(recogniser: Recogniser, clips: list[Audio], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks again is answered from memory; another clip of the same samples is not the same clip."""
    decoded: list[int] = []
    real = recogniser._attempt

    def attempt(pcm: bytes) -> tuple[HeardWord, ...]:
        decoded.append(len(pcm))
        return real(pcm)

    monkeypatch.setattr(recogniser, "_attempt", attempt)
    sound = Clip(clips[0])
    assert recogniser.recognise(sound) is recogniser.recognise(sound)
    assert recogniser.recognise(Clip(clips[0])) == recogniser.recognise(sound)
    assert len(decoded) == 2


@pytest.mark.parametrize(
    ("fails", "heard"),
    [
        pytest.param([True, False, False], (HeardWord("a", 0.0, 1.0),), id="once: a new decoder hears it"),
        pytest.param([True, False, True], (), id="twice on this clip: nothing can be heard in it"),
    ],
)
def test_a_clip_that_no_decoder_takes_is_not_retried_for_ever(
    clips: list[Audio], monkeypatch: pytest.MonkeyPatch, fails: list[bool], heard: tuple[HeardWord, ...]
) -> None:
    """The second attempt of a new decoder, which decodes silence, decides."""
    recogniser, turns = Recogniser(TEXTS), iter(fails)

    def attempt(_pcm: bytes) -> tuple[HeardWord, ...]:
        if next(turns):
            raise RuntimeError("decoder")
        return (HeardWord("a", 0.0, 1.0),)

    monkeypatch.setattr(recogniser, "_attempt", attempt)
    assert recogniser.recognise(Clip(clips[0])) == heard


def test_a_decoder_that_fails_on_silence_is_our_fault(clips: list[Audio], monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing can be said about the clip."""
    recogniser = Recogniser(TEXTS)

    def attempt(_pcm: bytes) -> tuple[HeardWord, ...]:
        raise RuntimeError("decoder")

    monkeypatch.setattr(recogniser, "_attempt", attempt)
    with pytest.raises(InfrastructureFault, match="the recogniser failed") as caught:
        recogniser.recognise(Clip(clips[0]))
    assert caught.value.code is Code.JUDGE_UNAVAILABLE


def test_a_clear_voice_is_understood_and_wrong_words_are_not(
    judge: IntelligibilityJudge, clips: list[Audio], ask: Callable[..., Utterance]
) -> None:
    """The clear voice reads below .1; the same clip against another text reads near 1."""
    right, wrong = judge.measure([ask(clips[0], text=TEXTS[0]), ask(clips[0], text=TEXTS[3])])
    assert right["wer"] < 0.1
    assert wrong["wer"] >= 0.9


@pytest.mark.parametrize("voice", ["en-us+f2", "en-us+edward", "en-us", "en-us+m1"])
def test_honest_voices_pay_little(
    voice: str, judge: IntelligibilityJudge, speak: Callable[..., bytes], ask: Callable[..., Utterance]
) -> None:
    """Voices that anyone understands, also those that pause in digital silence."""
    said = [ask(from_pcm(speak(text, voice=voice), 22_050), text=text) for text in TEXTS]
    scale = load_anchors().factors[Factor.INTELLIGIBILITY]
    assert math.fsum(scale.utility(found) for found in judge.measure(said)) / len(said) > 0.9


def test_the_hiss_is_the_same_everywhere() -> None:
    """Whole numbers from a hash: known ones, a prefix of every longer one, at -65 dBFS."""
    noise = noise_floor(160_000, NOISE_FLOOR)
    assert noise[:6].tolist() == [5.0, 26.0, 0.0, 18.0, -17.0, -12.0]
    assert torch.equal(noise_floor(1000, NOISE_FLOOR), noise[:1000])
    assert noise_floor(0, NOISE_FLOOR).shape == (0,)
    assert 20 * math.log10(float(noise.square().mean().sqrt()) / 32768) == pytest.approx(-65.0, abs=0.1)


def test_silence_reads_as_nearly_everything_missing(
    judge: IntelligibilityJudge, tone: Callable[..., Audio], ask: Callable[..., Utterance]
) -> None:
    """The recogniser may guess a short word in silence, no more."""
    (metrics,) = judge.measure([ask(tone(440.0, amplitude=0.0), text=TEXTS[0])])
    assert metrics["wer"] >= 0.9


def test_unknown_words_are_our_fault() -> None:
    """A prompt with a word that the dictionary lacks names it."""
    with pytest.raises(InfrastructureFault, match="not in the pronouncing dictionary: blorptastic") as caught:
        Recogniser(["a blorptastic morning"])
    assert caught.value.code is Code.JUDGE_UNAVAILABLE
