"""What each manipulation does to length, level and spectrum, on a tone-like voice; and that it depends on nothing but the sound."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from scoring.audio.audio import Audio, from_file, from_pcm, to_pcm
from scoring.audio.pitch import track
from scoring.errors import Code, PlatformError
from scoring.studies.manipulations.effects import speech_power
from scoring.studies.manipulations.losses import Loss, lose
from scoring.studies.manipulations.manipulation import ENTRIES, Manipulation, apply, manipulate, write

M = Manipulation
RATE = 22_050
SECONDS = 2.0


@pytest.fixture(scope="module")
def clip() -> Audio:
    """Two seconds: a rising harmonic voice with breath noise up to 11 kHz, every sample different from its neighbours."""
    time = torch.arange(round(SECONDS * RATE), dtype=torch.float64) / RATE
    phase = 2 * math.pi * (120.0 * time + 10.0 * time.square())
    wave = torch.stack([torch.sin(k * phase) / k for k in range(1, 20)]).sum(dim=0)
    breath = torch.randn(time.shape[0], generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return Audio((0.1 * wave * (0.6 + 0.4 * torch.sin(8.0 * time)) + 0.003 * breath).to(torch.float32), RATE)


def power_above(audio: Audio, hertz: float) -> float:
    """Share of the power above a frequency."""
    power = torch.fft.rfft(audio.samples.to(torch.float64)).abs().square()
    frequency = torch.fft.rfftfreq(audio.samples.shape[0], 1.0 / audio.rate, dtype=torch.float64)
    return float(power[frequency > hertz].sum() / power.sum())


def decibels(ratio: float) -> float:
    return 10.0 * math.log10(ratio)


def pitch(audio: Audio) -> float:
    found = track(audio)
    return float(found.hertz[found.voiced].median())


def test_every_manipulation_is_in_the_table() -> None:
    """Each name has a meaning and a function."""
    assert list(ENTRIES) == list(Manipulation)
    assert all(entry.meaning for entry in ENTRIES.values())


@pytest.mark.parametrize("name", Manipulation)
def test_the_same_sound_gives_the_same_result(clip: Audio, name: Manipulation) -> None:
    """Bit for bit, whatever random numbers were drawn between; finite, in range, float32, and not what it was."""
    one = apply(name, clip)
    torch.rand(7)
    other = apply(name, Audio(clip.samples.clone(), clip.rate))
    assert torch.equal(one.samples, other.samples)
    assert one.samples.dtype == torch.float32
    assert float(one.samples.abs().max()) <= 1.0
    assert one.samples.shape != clip.samples.shape or not torch.equal(one.samples, clip.samples)


@pytest.mark.parametrize("name", Manipulation)
@pytest.mark.parametrize("length", [0, 1, 300])
def test_no_sound_is_too_short(name: Manipulation, length: int) -> None:
    """Nothing, one sample, less than a window: a result, never an exception."""
    changed = apply(name, Audio(torch.full((length,), 0.25), RATE))
    assert bool(torch.isfinite(changed.samples).all())
    assert (changed.samples.shape[0] > 0) == (length > 0)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        pytest.param(M.REPEAT, 2 * SECONDS, id="twice"),
        pytest.param(M.FIRST_HALF, SECONDS / 2, id="half"),
        pytest.param(M.PHRASE_REPEATED, SECONDS, id="phrase"),
        pytest.param(M.BABBLE, 1.5 * SECONDS, id="half again"),
        pytest.param(M.LEADING_SILENCE, SECONDS + 3.0, id="leading"),
        pytest.param(M.MID_SILENCE, SECONDS + 2.0, id="mid"),
        pytest.param(M.TRAILING_SILENCE, SECONDS + 3.0, id="trailing"),
        pytest.param(M.REVERBERATION, SECONDS + 1.0, id="tail"),
        pytest.param(M.FAST, SECONDS / 1.5, id="fast"),
        pytest.param(M.PITCH_UP, SECONDS, id="pitch"),
        pytest.param(M.NOISE_0, SECONDS, id="noise"),
    ],
)
def test_length(clip: Audio, name: Manipulation, seconds: float) -> None:
    """To within a sample."""
    assert apply(name, clip).seconds == pytest.approx(seconds, abs=1.5 / RATE)


def test_pieces_are_moved_and_not_changed(clip: Audio) -> None:
    """Order manipulations keep the samples themselves."""
    samples, half = clip.samples, clip.samples.shape[0] // 2
    assert torch.equal(apply(M.REPEAT, clip).samples, torch.cat([samples, samples]))
    assert torch.equal(apply(M.REVERSED, clip).samples, samples.flip(0))
    assert torch.equal(apply(M.BABBLE, clip).samples[-half:], samples[:half].flip(0))
    assert torch.equal(apply(M.SHUFFLED, clip).samples.sort().values, samples.sort().values)
    quarter = samples[: samples.shape[0] // 4]
    assert torch.equal(apply(M.PHRASE_REPEATED, clip).samples[: 2 * quarter.shape[0]], quarter.repeat(2))
    pushed = apply(M.MID_SILENCE, clip).samples
    assert torch.equal(torch.cat([pushed[:half], pushed[half + 2 * RATE :]]), samples)
    assert float(pushed[half : half + 2 * RATE].abs().max()) == 0.0
    assert float(apply(M.LEADING_SILENCE, clip).samples[: 3 * RATE].abs().max()) == 0.0
    assert float(apply(M.TRAILING_SILENCE, clip).samples[-3 * RATE :].abs().max()) == 0.0


@pytest.mark.parametrize(("name", "snr"), [(M.NOISE_40, 40.0), (M.NOISE_20, 20.0), (M.NOISE_10, 10.0)])
def test_noise_has_the_stated_level(clip: Audio, name: Manipulation, snr: float) -> None:
    """Relative to the speech's power, within 0.2 dB, and white: half its power above half of the band."""
    added = apply(name, clip).samples - clip.samples
    assert decibels(speech_power(clip) / float(added.square().mean())) == pytest.approx(snr, abs=0.2)
    assert power_above(Audio(added, RATE), RATE / 4) == pytest.approx(0.5, abs=0.02)


def test_levels_count_speech_and_not_the_silence_around_it(clip: Audio) -> None:
    """The same noise on a padded clip."""
    assert speech_power(apply(M.LEADING_SILENCE, clip)) == pytest.approx(speech_power(clip), rel=0.05)


@pytest.mark.parametrize(("name", "hertz"), [(M.HUM_50, 50.0), (M.HUM_60, 60.0)])
def test_hum_is_a_tone_and_its_overtones(clip: Audio, name: Manipulation, hertz: float) -> None:
    """15 dB below the speech, all of it at multiples of the mains."""
    added = (apply(name, clip).samples - clip.samples).to(torch.float64)
    assert decibels(speech_power(clip) / float(added.square().mean())) == pytest.approx(15.0, abs=0.1)
    power = torch.fft.rfft(added).abs().square()
    lines = [round(k * hertz * SECONDS) for k in range(1, 6)]
    assert float(power[lines].sum() / power.sum()) > 0.999


@pytest.mark.parametrize(("name", "edge"), [(M.BELOW_3400, 3400.0), (M.BELOW_7500, 7500.0), (M.UPSAMPLED_8K, 4100.0)])
def test_a_cut_band_is_gone_and_the_rest_is_there(clip: Audio, name: Manipulation, edge: float) -> None:
    """Nothing above the edge; what lies well below it keeps its power."""
    changed = apply(name, clip)
    assert power_above(changed, edge) < power_above(clip, edge) / 30
    assert float(changed.samples.square().mean()) == pytest.approx(float(clip.samples.square().mean()), rel=0.03)


def test_an_upsampled_clip_declares_at_least_twice_its_rate(clip: Audio) -> None:
    """From 16 kHz at 32 kHz, with nothing in the upper half."""
    changed = apply(M.UPSAMPLED_16K, clip)
    assert changed.rate == 32_000
    assert changed.seconds == pytest.approx(SECONDS, abs=1e-3)
    assert power_above(changed, 8_100.0) < power_above(clip, 8_100.0) / 30


def test_level_manipulations(clip: Audio) -> None:
    """20 dB is a tenth; clipping flattens at full scale; an offset shifts the mean; 8 bits are 256 steps."""
    assert torch.allclose(apply(M.QUIET, clip).samples, clip.samples * 0.1)
    clipped = apply(M.CLIPPED, clip).samples.abs()
    assert float((clipped == 1.0).to(torch.float32).mean()) > 0.1
    assert float((apply(M.DC_OFFSET, clip).samples - clip.samples).mean()) == pytest.approx(0.1, abs=1e-6)
    assert len(set(apply(M.MU_LAW, clip).samples.tolist())) <= 256
    error = apply(M.MU_LAW, clip).samples - clip.samples
    assert 25.0 < decibels(float(clip.samples.square().mean() / error.square().mean())) < 45.0
    assert float(apply(M.SILENCE, clip).samples.abs().max()) == 0.0


def test_a_tone_has_the_speechs_power_at_one_frequency(clip: Audio) -> None:
    """220 Hz."""
    tone = apply(M.TONE, clip)
    assert float(tone.samples.square().mean()) == pytest.approx(speech_power(clip), rel=0.01)
    assert power_above(tone, 221.0) < 1e-3
    assert power_above(tone, 219.0) > 0.999


@pytest.mark.parametrize(
    ("name", "factor"),
    [pytest.param(M.PITCH_UP, 2 ** (3 / 12), id="up"), pytest.param(M.PITCH_DOWN, 2 ** (-3 / 12), id="down"), (M.FAST, 1.0)],
)
def test_pitch_moves_by_three_semitones_and_speed_leaves_it(clip: Audio, name: Manipulation, factor: float) -> None:
    """Median F0, within 3 %."""
    assert pitch(apply(name, clip)) == pytest.approx(pitch(clip) * factor, rel=0.03)


def test_reverberation_fills_what_was_silent(clip: Audio) -> None:
    """A hall sounds on after the voice, and fades: 60 dB in its second, so some 30 dB between halves."""
    tail = apply(M.REVERBERATION, clip).samples[-RATE:]
    early, late = tail[: RATE // 2].square().mean(), tail[RATE // 2 :].square().mean()
    assert 24.0 < decibels(float(early / late)) < 40.0


@pytest.mark.parametrize(("name", "seconds", "strength"), [(M.ECHO, 0.15, 0.5), (M.COMB, 0.002, 0.8)])
def test_an_echo_is_the_clip_again(clip: Audio, name: Manipulation, seconds: float, strength: float) -> None:
    """Later and weaker; its end is kept."""
    changed, delay = apply(name, clip).samples, round(seconds * RATE)
    assert changed.shape[0] == clip.samples.shape[0] + delay
    assert torch.allclose(changed[delay:-delay], clip.samples[delay:] + strength * clip.samples[:-delay], atol=1e-6)
    assert torch.allclose(changed[-delay:], strength * clip.samples[-delay:], atol=1e-6)


def test_a_notch_is_deep_and_narrow(clip: Audio) -> None:
    """22 dB at 2 kHz; nothing an octave away."""
    ratio = gain_at(clip, apply(M.NOTCH, clip))
    assert [ratio(hertz) for hertz in (1000.0, 2000.0, 4000.0)] == pytest.approx([0.0, -22.0, 0.0], abs=0.3)


@pytest.mark.parametrize(("name", "slope"), [(M.TILT_UP, 6.0), (M.TILT_DOWN, -6.0)])
def test_a_tilt_leans_by_its_slope(clip: Audio, name: Manipulation, slope: float) -> None:
    """Per octave, and the whole is as strong as before."""
    changed = apply(name, clip)
    ratio = gain_at(clip, changed)
    assert [ratio(4000.0) - ratio(2000.0), ratio(2000.0) - ratio(500.0)] == pytest.approx([slope, 2 * slope], abs=0.5)
    assert float(changed.samples.square().mean()) == pytest.approx(float(clip.samples.square().mean()), rel=0.05)


def gain_at(before: Audio, after: Audio) -> Callable[[float], float]:
    """Decibels between two sounds around a frequency."""

    def power(audio: Audio, hertz: float) -> float:
        found = torch.fft.rfft(audio.samples[: before.samples.shape[0]].to(torch.float64)).abs().square()
        middle = round(hertz * before.seconds)
        return float(found[middle - 20 : middle + 21].sum())

    return lambda hertz: decibels(power(after, hertz) / power(before, hertz))


def test_the_gate_leaves_holes(clip: Audio) -> None:
    """Most of the weak half of the spectrum is shut, and what is left is no louder than before."""
    changed = apply(M.GATED, clip)
    assert float(changed.samples.square().mean()) < 0.9 * float(clip.samples.square().mean())


@pytest.mark.parametrize("name", Loss)
def test_a_loss_adds_nothing(clip: Audio, name: Loss) -> None:
    """The same sound twice gives the same result, of about the clip's length, finite and in range; nothing stays nothing."""
    one = lose(name, clip)
    assert torch.equal(one.samples, lose(name, clip).samples)
    assert one.seconds == pytest.approx(clip.seconds, abs=0.15)
    assert float(one.samples.abs().max()) <= 1.0
    assert float(one.samples.square().mean()) <= 1.3 * float(clip.samples.square().mean())
    assert lose(name, Audio(torch.zeros(0), RATE)).samples.shape == (0,)


def test_losses_lose_what_they_say(clip: Audio) -> None:
    """Bits, a polarity, a band, a rate."""
    assert len(set(lose(Loss.BITS_8, clip).samples.tolist())) <= 256
    assert torch.equal(lose(Loss.INVERTED, clip).samples, -clip.samples)
    assert power_above(lose(Loss.THROUGH_16K, clip), 8_200.0) < power_above(clip, 8_200.0) / 30
    assert [lose(name, clip).rate for name in (Loss.AT_16K, Loss.AT_44K, Loss.AT_48K_OF_16K)] == [16_000, 44_100, 48_000]


def test_pcm_comes_back(clip: Audio) -> None:
    """What was sent, decoded and sent again is the same bytes, full scale included."""
    pcm = to_pcm(clip) + b"\xff\x7f\x00\x80"
    assert to_pcm(from_pcm(pcm, RATE)) == pcm


def test_a_file_is_manipulated_as_the_sound_in_it(clip: Audio, tmp_path: Path) -> None:
    """The file written holds what the function gives, to 16 bits."""
    write(clip, tmp_path / "in.wav")
    said = from_file(tmp_path / "in.wav")
    assert manipulate(M.SHUFFLED, tmp_path / "in.wav", tmp_path / "out.wav").seconds == said.seconds
    assert to_pcm(from_file(tmp_path / "out.wav")) == to_pcm(apply(M.SHUFFLED, said))


def test_a_file_that_cannot_be_written_is_said_so(clip: Audio, tmp_path: Path) -> None:
    """With the audio's own code, and the path."""
    with pytest.raises(PlatformError, match=r"out\.wav cannot be written") as told:
        write(clip, tmp_path / "nowhere" / "out.wav")
    assert told.value.code is Code.AUDIO_INVALID
