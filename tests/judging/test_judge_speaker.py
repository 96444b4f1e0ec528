"""Speaker consistency: one voice against two, whatever the text, the level and the rate, and attacks on one side of the pair."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchaudio

from scoring.audio.audio import Audio, from_pcm, resample
from scoring.errors import Code, InfrastructureFault
from scoring.judges.judge import Utterance
from scoring.judges.panel import deterministic
from scoring.judges.speaker import FRAME, HOP, MELS, TRAINED_RMS, WINDOW, SpeakerJudge, mel_bands, windows
from scoring.report import Factor
from scoring.scores import aggregate
from scoring.studies.manipulations.effects import shift_pitch

FIRST = "Nobody in Chicago remembers Rachel Morgan, who painted the bakery brown."
SECOND = "The train to Boston leaves at half past nine, so please bring your coat and your ticket."
VOICES = ("en-us+f2", "en-us+edward", "en-us+m7", "en-us+f4", "en-us+klatt4")

Compare = Callable[[Audio, Audio], float]


@pytest.fixture(scope="module")
def judge() -> SpeakerJudge:
    """The network."""
    return SpeakerJudge()


@pytest.fixture
def compare(judge: SpeakerJudge, ask: Callable[..., Utterance]) -> Compare:
    """The likeness of two sounds, as the panel has it measured."""

    def likeness(one: Audio, other: Audio) -> float:
        with deterministic():
            found = judge.compare(ask(one), ask(other))
        assert found.keys() == {"speaker_similarity"}
        return found["speaker_similarity"]

    return likeness


@pytest.fixture(scope="module")
def clips(speak: Callable[..., bytes]) -> dict[str, tuple[Audio, Audio]]:
    """Both texts in each voice."""
    return {voice: (from_pcm(speak(FIRST, voice), 22_050), from_pcm(speak(SECOND, voice), 22_050)) for voice in VOICES}


def test_one_voice_is_told_from_two(clips: dict[str, tuple[Audio, Audio]], compare: Compare) -> None:
    """Other words in the same voice earn everything; each other voice is less alike than that, most of them by far."""
    utility = aggregate.load_anchors().factors[Factor.CONSISTENCY].metrics["speaker_similarity"].utility
    same = [compare(*clips[voice]) for voice in VOICES]
    other = [compare(clips[one][0], clips[two][1]) for one in VOICES for two in VOICES if one != two]
    assert [utility(found) for found in same] == [1.0] * len(VOICES)
    assert max(other) < min(same)
    assert sum(utility(found) for found in other) / len(other) < 0.25


@pytest.mark.parametrize("semitones", [3.0, -3.0])
def test_a_shifted_voice_is_another_one(clips: dict[str, tuple[Audio, Audio]], compare: Compare, semitones: float) -> None:
    """Three semitones on one side are heard."""
    one, other = clips["en-us+f2"]
    assert compare(one, shift_pitch(other, semitones)) < compare(one, other) - 0.1


def test_neither_level_nor_rate_is_another_voice(clips: dict[str, tuple[Audio, Audio]], compare: Compare) -> None:
    """A clip half as loud, and one at 48 kHz."""
    one, other = clips["en-us+edward"]
    plain = compare(one, other)
    assert compare(Audio(one.samples * 0.5, one.rate), other) == pytest.approx(plain, abs=1e-4)
    assert compare(resample(one, 48_000), other) == pytest.approx(plain, abs=0.01)


def test_is_the_same_in_either_order_and_on_any_threads(clips: dict[str, tuple[Audio, Audio]], compare: Compare) -> None:
    """Bit for bit; a clip is its own voice."""
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
    assert compare(one, one) == pytest.approx(1.0, abs=1e-6)


def test_bands_agree_with_an_independent_front_end(clips: dict[str, tuple[Audio, Audio]]) -> None:
    """torchaudio's mel spectrogram of the same wave, on Slaney's scale with unit areas, at the level of the training."""
    wave = resample(clips["en-us+f2"][0], 16_000).samples
    spectrogram = torchaudio.transforms.MelSpectrogram(
        16_000, FRAME, hop_length=HOP, n_mels=MELS, pad_mode="constant", norm="slaney", mel_scale="slaney"
    )
    expected = spectrogram(wave * TRAINED_RMS / wave.square().mean().sqrt()).T
    assert torch.allclose(mel_bands(wave), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("frames", "number"), [(50, 1), (160, 1), (161, 2), (237, 2), (238, 3), (400, 5)])
def test_windows_cover_a_clip_from_its_first_to_its_last_frame(frames: int, number: int) -> None:
    """None begins more than 77 frames after the one before it; silence fills up a short clip."""
    bands = torch.arange(1.0, frames + 1.0)[:, None].expand(frames, MELS)
    found = windows(bands)
    begins = found[:, 0, 0].diff()
    assert found.shape == (number, WINDOW, MELS)
    assert float(found[0, 0, 0]) == 1.0
    assert float(found[-1].max()) == frames
    assert bool((begins <= 77.0).all())


def test_silence_has_a_number(ask: Callable[..., Utterance], judge: SpeakerJudge) -> None:
    """No division by nothing."""
    silent = ask(Audio(torch.zeros(16_000), 16_000))
    assert 0.0 <= judge.compare(silent, silent)["speaker_similarity"] <= 1.0 + 1e-9


def test_a_missing_network_is_an_outage(tmp_path: Path) -> None:
    """The message says what installs it."""
    with pytest.raises(InfrastructureFault, match="voice worker prepare judges") as caught:
        SpeakerJudge(tmp_path)
    assert caught.value.code is Code.JUDGE_UNAVAILABLE
