"""Intelligibility: the comparison, and a recogniser that hears the same in any order of clips."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import WhisperFeatureExtractor

from scoring.audio.audio import Audio, from_pcm
from scoring.audio.clip import RATE, Clip
from scoring.errors import Code, InfrastructureFault
from scoring.judges import weights
from scoring.judges.intelligibility import IntelligibilityJudge, repeats, word_errors
from scoring.judges.judge import Utterance
from scoring.judges.recognition.whisper import WINDOW, Recogniser, log_mel
from scoring.language.text import normalise
from scoring.report import Factor
from scoring.scores.aggregate import load_anchors
from scoring.studies.manipulations.manipulation import Manipulation, apply

TEXTS = (
    "Nobody in Chicago remembers Rachel Morgan, who painted the bakery brown.",
    "Is it true that Peter found a silver parrot behind the market on Monday?",
    "Follow the swan past the broken tower, and do not answer if the ghost calls your name.",
    "Room 946 is on the 17th floor, between the chapel and the red elevator.",
)


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    """Of this machine."""
    return Recogniser()


@pytest.fixture(scope="module")
def judge(recogniser: Recogniser) -> IntelligibilityJudge:
    """A judge that compares its words with the prompt's."""
    return IntelligibilityJudge(recogniser)


@pytest.fixture(scope="module")
def clips(speak: Callable[..., bytes]) -> list[Audio]:
    """Two texts, the first of which is read without an error, and a whisper that is hard to understand."""
    voices = ("en-us", "en-us+f2", "en-us+whisper")
    return [from_pcm(speak(text, voice=voice), 22_050) for text, voice in zip(TEXTS, voices, strict=False)]


ASKED = "Take my silver ring home."


@pytest.mark.parametrize(
    ("heard", "wer", "tail", "trailing"),
    [
        pytest.param("take my silver ring home", 0.0, 0.0, 0.0, id="all of it"),
        pytest.param("Take my golden ring home!", 0.2, 0.0, 0.0, id="one word wrong"),
        pytest.param("take my silver", 0.4, 0.4, 0.0, id="cut off"),
        pytest.param("take my silver ring home the the the", 0.6, 0.0, 0.6, id="babble at the end"),
        pytest.param("my silver ring home", 0.2, 0.0, 0.0, id="the start is missing"),
        pytest.param("", 1.0, 1.0, 0.0, id="nothing"),
        pytest.param("a b c d e f g h i j k", 1.0, 0.0, 1.2, id="more than everything is wrong"),
    ],
)
def test_compares(heard: str, wer: float, tail: float, trailing: float) -> None:
    """Errors are shares of the five words asked."""
    metrics = word_errors(ASKED, heard)
    assert (metrics["wer"], metrics["tail_deletions"], metrics["trailing_insertions"]) == pytest.approx((wer, tail, trailing))
    assert (metrics["cer"] == 0.0) == (wer == 0.0)


@pytest.mark.parametrize(
    ("asked", "heard"),
    [
        pytest.param("Room 946 costs $105.", "Room nine forty-six costs 105 dollars", id="figures"),
        pytest.param("Steven's theatre opens on May 3rd", "Stephen's theater opens on May third.", id="spellings"),
        pytest.param("The U.S. team ate two pears at 5 p.m.", "the US team ate 2 pairs at 5 PM", id="letters"),
    ],
)
def test_a_text_read_well_has_no_error_however_it_is_written_down(asked: str, heard: str) -> None:
    """Words and characters."""
    assert word_errors(asked, heard) == dict.fromkeys(("wer", "cer", "tail_deletions", "trailing_insertions", "repeats"), 0.0)


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
    assert word_errors(asked, heard)["repeats"] == expected / len(asked.split())


WORDS = st.lists(st.sampled_from(["take", "my", "silver", "ring"]), max_size=12)


@settings(deadline=None)  # the dictionary is read on the first call
@given(asked=WORDS.filter(bool), heard=WORDS)
def test_comparing_is_bounded_and_exact_for_equals(asked: list[str], heard: list[str]) -> None:
    """Nothing is negative or beyond what was heard; equal words are without any error."""
    found = word_errors(" ".join(asked), " ".join(heard))
    assert all(value >= 0.0 for value in found.values())
    assert max(found["wer"], found["cer"], found["tail_deletions"]) <= 1.0
    assert max(found["trailing_insertions"], found["repeats"]) <= len(heard) / len(asked)
    assert word_errors(" ".join(asked), " ".join(asked)) == dict.fromkeys(found, 0.0)


def test_an_empty_prompt_cannot_be_compared() -> None:
    """Nothing asked is a mistake of ours, not a perfect or a failed reading."""
    with pytest.raises(ValueError, match="no words"):
        word_errors("…", "a")


def test_the_networks_input_is_the_published_one(clips: list[Audio]) -> None:
    """As transformers computes it, to the last bits of its own float32."""
    wave = Clip(clips[0]).level.samples
    extractor: Any = WhisperFeatureExtractor
    published = extractor()(wave.numpy(), sampling_rate=RATE, return_tensors="np").input_features[0]
    np.testing.assert_allclose(log_mel(wave).numpy(), published, atol=1e-4)


def test_what_is_wrong_costs_by_its_own_metric(
    judge: IntelligibilityJudge, clips: list[Audio], ask: Callable[..., Utterance]
) -> None:
    """A truncated, a repeating and a babbling reading of a clear voice; the honest one pays nothing."""
    first, other = clips[0].samples, clips[1].samples
    size = first.shape[0]
    pieces = {
        "honest": [first],
        "tail_deletions": [first[: size // 2]],
        "repeats": [first, first],
        "trailing_insertions": [first, other[:60_000]],
    }
    spoken = [ask(Audio(torch.cat(parts), 22_050), text=TEXTS[0]) for parts in pieces.values()]
    found = dict(zip(pieces, judge.measure(spoken), strict=True))
    scale = load_anchors().factors[Factor.INTELLIGIBILITY]
    assert scale.utility(found["honest"]) == 1.0
    for metric in ("tail_deletions", "repeats", "trailing_insertions"):
        assert scale.metrics[metric].utility(found[metric][metric]) < 0.6, metric
        assert scale.utility(found[metric]) < 0.6


@pytest.mark.parametrize(("name", "seconds"), [(Manipulation.TONES, 3.0), (Manipulation.TRAILING_SILENCE, 0.0)])
def test_sound_that_is_no_word_is_stray(
    judge: IntelligibilityJudge, clips: list[Audio], ask: Callable[..., Utterance], name: Manipulation, seconds: float
) -> None:
    """Tones after the last word are no error of a word, and heard all the same; silence is no sound."""
    plain, changed = judge.measure([ask(clip, text=TEXTS[0]) for clip in (clips[0], apply(name, clips[0]))])
    scale = load_anchors().factors[Factor.INTELLIGIBILITY].metrics["stray"]
    assert scale.utility(plain["stray"]) == 1.0
    assert changed["stray"] - plain["stray"] == pytest.approx(seconds, abs=0.3)


def test_hears_the_same_in_any_order(recogniser: Recogniser, clips: list[Audio]) -> None:
    """Forwards, backwards and repeated, in this recogniser and in a fresh one, with any loudness and silence around it."""
    first = [recogniser.place(Clip(clip)) for clip in clips[1:]]
    assert [recogniser.place(Clip(clip)) for clip in clips[:0:-1]] == first[::-1]
    assert Recogniser().place(Clip(clips[1])) == first[0]
    other = Clip(Audio(torch.nn.functional.pad(clips[0].samples / 8, (0, 44_100)), 22_050))
    assert normalise(recogniser.hear(other)) == normalise(TEXTS[0])


def test_any_word_is_heard(judge: IntelligibilityJudge, speak: Callable[..., bytes], ask: Callable[..., Utterance]) -> None:
    """Also one that no prompt and no dictionary has; and another word is not taken for it."""
    said = from_pcm(speak("The blockchain runs on kubernetes and postgres.", voice="en-us+f2"), 22_050)
    texts = ("The blockchain runs on Kubernetes and Postgres.", "The Brooklyn runs on communities and Protestants.")
    right, wrong = judge.measure([ask(said, text=text) for text in texts])
    assert right["wer"] < 0.2 < wrong["wer"]


def test_knows_when_each_word_was_said(recogniser: Recogniser, clips: list[Audio]) -> None:
    """In order, inside of the clip; a second of silence in front moves every word by a second."""
    words = recogniser.place(Clip(clips[0]))
    assert [heard.word for heard in words[:3]] == ["nobody", "in", "chicago"]
    assert all(one.start < one.end == other.start for one, other in pairwise(words))
    assert -0.1 < words[0].start < words[-1].end < clips[0].seconds + 0.1
    later = recogniser.place(Clip(Audio(torch.nn.functional.pad(clips[0].samples, (22_050, 0)), 22_050)))
    assert [heard.end - 1.0 for heard in later] == pytest.approx([heard.end for heard in words], abs=0.05)


def test_a_clip_is_heard_once(recogniser: Recogniser, clips: list[Audio], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks again is answered from memory; another clip of the same samples is not the same clip."""
    heard: list[int] = []
    real = recogniser._heard

    def counted(start: float, wave: torch.Tensor) -> object:
        heard.append(len(wave))
        return real(start, wave)

    monkeypatch.setattr(recogniser, "_heard", counted)
    sound = Clip(clips[0])
    assert recogniser.hear(sound) == recogniser.hear(sound) == recogniser.hear(Clip(clips[0]))
    recogniser.place(sound)
    assert len(heard) == 2


def test_a_long_clip_is_heard_to_its_end(
    judge: IntelligibilityJudge, recogniser: Recogniser, speak: Callable[..., bytes], ask: Callable[..., Utterance]
) -> None:
    """It is parted in a pause, and its words keep their places."""
    text = " ".join(TEXTS * 2)
    long = from_pcm(speak(text, voice="en-us+f2"), 22_050)
    assert long.seconds * RATE > WINDOW
    (found,) = judge.measure([ask(long, text=text)])
    assert found["wer"] < 0.4
    assert found["tail_deletions"] == 0.0
    words = recogniser.place(Clip(long))
    assert all(one.end <= other.start for one, other in pairwise(words))
    assert words[-1].end == pytest.approx(long.seconds, abs=1.0)


def test_a_recogniser_that_fails_is_our_fault(
    recogniser: Recogniser, clips: list[Audio], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nothing can be said about the clip; nor without its files."""

    class Broken:
        def encode(self, _features: object) -> None:
            raise RuntimeError("no memory")

    monkeypatch.setattr(recogniser, "_network", Broken())
    with pytest.raises(InfrastructureFault, match="the recogniser failed: no memory") as caught:
        recogniser.hear(Clip(clips[0]))
    assert caught.value.code is Code.JUDGE_UNAVAILABLE
    real = weights.read
    monkeypatch.setattr(weights, "read", lambda file: b"{}" if file is weights.WHISPER else real(file))
    with pytest.raises(InfrastructureFault, match="the recogniser could not be built"):
        Recogniser()


def test_a_clear_voice_is_understood_and_wrong_words_are_not(
    judge: IntelligibilityJudge, clips: list[Audio], ask: Callable[..., Utterance]
) -> None:
    """The clear voice is read without an error; the same clip against another text at .9 and more."""
    right, wrong = judge.measure([ask(clips[0], text=TEXTS[0]), ask(clips[0], text=TEXTS[3])])
    assert right["wer"] == 0.0
    assert wrong["wer"] >= 0.9


@pytest.mark.parametrize("voice", ["en-us+f2", "en-us+edward"])
def test_honest_robots_pay_and_are_not_shut_out(
    voice: str, judge: IntelligibilityJudge, speak: Callable[..., bytes], ask: Callable[..., Utterance]
) -> None:
    """Voices that anyone understands with some effort."""
    said = [ask(from_pcm(speak(text, voice=voice), 22_050), text=text) for text in TEXTS]
    anchors = load_anchors()
    found = judge.measure(said)
    scale = anchors.factors[Factor.INTELLIGIBILITY]
    assert math.fsum(scale.utility(metrics) for metrics in found) / len(said) > 0.5
    assert max(metrics["wer"] for metrics in found) < anchors.wrong_words


@pytest.mark.parametrize("sound", ["silence", "hum", "noise"])
def test_where_nothing_is_said_nothing_is_heard(sound: str, recogniser: Recogniser, tone: Callable[..., Audio]) -> None:
    """The network guesses a short word, and knows better."""
    noise = Audio(0.05 * torch.randn(48_000, generator=torch.Generator().manual_seed(1)), 16_000)
    clip = {"silence": tone(440.0, amplitude=0.0), "hum": tone(110.0, seconds=4.0), "noise": noise}[sound]
    assert normalise(recogniser.hear(Clip(clip))) == ()


def test_an_answer_has_an_end(recogniser: Recogniser, speak: Callable[..., bytes]) -> None:
    """What makes the network repeat itself is cut by the clip's length."""
    dots = Clip(from_pcm(speak("dot dot dot dot dot dot dot dot dot dot", voice="en-us+f2"), 22_050))
    assert len(normalise(recogniser.hear(dots))) < 10 + 10 * dots.audio.seconds
