"""Speaker consistency: one voice against two, whatever the text, and attacks on one side of the pair."""

from collections.abc import Callable

import pytest
import torch

from scoring.audio.audio import Audio, from_pcm
from scoring.judges.judge import Utterance
from scoring.judges.speaker import SpeakerJudge
from scoring.report import Factor, Metrics
from scoring.scores import aggregate
from scoring.studies.manipulations.effects import shift_pitch

FIRST = "Nobody in Chicago remembers Rachel Morgan, who painted the bakery brown."
SECOND = "The train to Boston leaves at half past nine, so please bring your coat and your ticket."
VOICES = ("en-us+f2", "en-us+edward", "en-us+m1", "en-us+f4", "en-us+klatt")

Compare = Callable[[Audio, Audio], Metrics]


@pytest.fixture
def compare(ask: Callable[..., Utterance]) -> Compare:
    """The judge's numbers for two sounds."""
    return lambda one, other: SpeakerJudge().compare(ask(one), ask(other))


@pytest.fixture(scope="module")
def clips(speak: Callable[..., bytes]) -> dict[str, tuple[Audio, Audio]]:
    """Both texts in each voice."""
    return {voice: (from_pcm(speak(FIRST, voice), 22_050), from_pcm(speak(SECOND, voice), 22_050)) for voice in VOICES}


def test_one_voice_is_told_from_two(clips: dict[str, tuple[Audio, Audio]], compare: Compare) -> None:
    """Other words in the same voice earn everything; each other voice is less alike than that, most of them by far."""
    scale = aggregate.load_anchors().factors[Factor.CONSISTENCY]
    same = [compare(*clips[voice]) for voice in VOICES]
    other = [compare(clips[one][0], clips[two][1]) for one in VOICES for two in VOICES if one != two]
    assert [scale.utility(found) for found in same] == [1.0] * len(VOICES)
    assert max(found["speaker_similarity"] for found in other) < min(found["speaker_similarity"] for found in same)
    assert sum(scale.utility(found) for found in other) / len(other) < 0.25


@pytest.mark.parametrize("semitones", [3.0, -3.0])
def test_a_shifted_voice_is_another_one(clips: dict[str, tuple[Audio, Audio]], compare: Compare, semitones: float) -> None:
    """Three semitones on one side are heard."""
    one, other = clips["en-us+f2"]
    shifted = compare(one, shift_pitch(other, semitones))
    assert shifted["speaker_similarity"] < compare(one, other)["speaker_similarity"] - 0.1
    assert shifted["pitch_distance"] == pytest.approx(3.0, abs=1.5)


def test_is_the_same_in_either_order_at_any_level_and_on_any_threads(
    clips: dict[str, tuple[Audio, Audio]], compare: Compare
) -> None:
    """Bit for bit; a quieter clip changes it by rounding only."""
    one, other = clips["en-us+edward"]
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results += [compare(one, other), compare(other, one)]
    finally:
        torch.set_num_threads(before)
    assert results == results[:1] * 4
    assert compare(Audio(one.samples * 0.5, one.rate), other) == pytest.approx(results[0], abs=1e-3)
    assert compare(one, one) == {"speaker_similarity": 1.0, "timbre_distance": 0.0, "pitch_distance": 0.0}


def test_a_whisper_is_not_the_voice(ask: Callable[..., Utterance], tone: Callable[..., Audio], compare: Compare) -> None:
    """Without a voiced frame there is no pitch: nothing in common with a voice, and no difference between two whispers."""
    hiss = Audio(torch.randn(32_000, generator=torch.Generator().manual_seed(5)) * 0.1, 16_000)
    assert compare(hiss, tone(150.0))["speaker_similarity"] == 0.0
    assert compare(hiss, hiss)["speaker_similarity"] == 1.0
