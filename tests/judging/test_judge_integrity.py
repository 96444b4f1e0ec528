"""Gates: what is no sample at all, and why."""

import pytest
import torch

from prompts.groups import Prompt
from prompts.voices import Attribute, Register, Voice
from scoring.audio.audio import Audio, from_pcm
from scoring.audio.clip import Clip
from scoring.audio.spoken import Spoken
from scoring.competition import load
from scoring.judges.integrity import examine, examine_clip, expected_seconds
from scoring.report import Gate
from scoring.types import RoundNumber

RATE = 16_000
LIMITS = load().at(RoundNumber(0)).track[0].limits
PROMPT = Prompt(
    id="g00.a",
    text="Follow the swan past the broken tower.",
    description="A baritone speaks.",
    voice=Voice(register=Register.LOW, rate=3, pitch=3, expression=3, loudness=3),
)


def noise(seconds: float, rate: int = RATE, amplitude: float = 0.1) -> bytes:
    samples = torch.randn(round(seconds * rate), generator=torch.Generator().manual_seed(3)) * amplitude
    return bytes((samples * 32767).clamp(-32768, 32767).to(torch.int16).numpy().tobytes())


def spoken(pcm: bytes, rate: int = RATE, failure: Gate | None = None) -> Spoken:
    return Spoken(prompt_id="g00.a", rate=rate, pcm=pcm, seconds=0.1, failure=failure)


def test_the_expected_length_follows_phonemes_and_the_asked_rate() -> None:
    """25 phonemes at 12.15 per second, the middle of the ordinary bin; slower when asked slower."""
    assert expected_seconds(PROMPT) == pytest.approx(25 / 12.15)
    slow = Prompt(id="g00.a", text=PROMPT.text, description="", voice=PROMPT.voice.with_level(Attribute.RATE, 1))
    assert expected_seconds(slow) == pytest.approx(25 / 8.0)


@pytest.mark.parametrize(
    ("said", "gate"),
    [
        pytest.param(None, Gate.GENERATION_FAILED, id="nothing came back"),
        pytest.param(spoken(b"", failure=Gate.TIMEOUT), Gate.TIMEOUT, id="the failure of the guest"),
        pytest.param(spoken(b""), Gate.EMPTY, id="no sample"),
        pytest.param(spoken(b"\x01"), Gate.EMPTY, id="half a sample"),
        pytest.param(spoken(noise(2.0), rate=8_000), Gate.WRONG_RATE, id="telephone rate"),
        pytest.param(spoken(noise(2.0), rate=0), Gate.WRONG_RATE, id="no rate"),
        pytest.param(spoken(noise(0.75)), Gate.TOO_SHORT, id="under 0.4 of 1.9 s"),
        pytest.param(spoken(noise(5.3)), Gate.TOO_LONG, id="over 2.5 times 1.9 s"),
        pytest.param(spoken(bytes(2 * 2 * RATE)), Gate.NO_SPEECH, id="silence"),
        pytest.param(spoken(noise(2.0, amplitude=0.001)), Gate.NO_SPEECH, id="below the floor"),
        pytest.param(spoken(noise(0.1) + bytes(2 * 2 * RATE)), Gate.NO_SPEECH, id="hardly any speech"),
    ],
)
def test_closes(said: Spoken | None, gate: Gate) -> None:
    """The first closed gate is the reason."""
    assert examine(PROMPT, said, LIMITS) is gate


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_opens_at_every_allowed_rate(rate: int) -> None:
    """A sound of a believable length passes and comes back decoded."""
    audio = examine(PROMPT, spoken(noise(2.0, rate=rate), rate=rate), LIMITS)
    assert isinstance(audio, Clip)
    assert (audio.audio.rate, audio.audio.seconds) == (rate, 2.0)


def test_sound_beyond_speech_is_no_speech() -> None:
    """A loud tone at 15 kHz is nothing that the judges, at 16 kHz, could hear."""
    time = torch.arange(2 * 48_000, dtype=torch.float64) / 48_000
    whistle = Audio((0.5 * torch.sin(2 * torch.pi * 15_000 * time)).to(torch.float32), 48_000)
    assert examine_clip(Clip(whistle), 2.0, LIMITS) is Gate.NO_SPEECH


def test_an_offset_is_no_speech() -> None:
    """A zero line at half of full scale has power, and nothing to hear."""
    assert examine_clip(Clip(Audio(torch.full((2 * RATE,), 0.5), RATE)), 2.0, LIMITS) is Gate.NO_SPEECH


def test_a_square_wave_that_hides_a_faint_tone_is_no_speech() -> None:
    """Its edges lie between frames: loud as it is, no frame stands out of it, and the judges would be left without a sound."""
    time = torch.arange(4 * RATE)
    square = torch.where((time // 640) % 2 == 0, 0.9, -0.9)

    assert examine_clip(Clip(Audio(square + 0.006 * torch.sin(time * 0.3), RATE)), 2.0, LIMITS) is Gate.NO_SPEECH


def test_no_sample_is_empty() -> None:
    """An upload may decode to nothing; it is named so at any expected length."""
    assert examine_clip(Clip(Audio(torch.zeros(0), RATE)), 0.0, LIMITS) is Gate.EMPTY


@pytest.mark.parametrize(
    ("seconds", "gate"),
    [
        pytest.param(0.79, Gate.TOO_SHORT, id="below 0.4 of 2 s"),
        pytest.param(0.8, None, id="0.4 of 2 s"),
        pytest.param(5.0, None, id="2.5 times 2 s"),
        pytest.param(5.01, Gate.TOO_LONG, id="over 2.5 times 2 s"),
    ],
)
def test_the_bounds_of_length_are_exact(seconds: float, gate: Gate | None) -> None:
    """Open at the bound, closed beyond."""
    assert examine_clip(Clip(from_pcm(noise(seconds), RATE)), 2.0, LIMITS) is gate


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_sound_is_finite(value: float) -> None:
    """One NaN or infinity closes the gate, before anything is computed from it."""
    samples = torch.full((2 * RATE,), 0.1)
    samples[7] = value
    assert examine_clip(Clip(Audio(samples, RATE)), 2.0, LIMITS) is Gate.NOT_FINITE
