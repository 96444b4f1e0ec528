"""Cleanliness: each defect moves its own number, an honest voice is not charged, and nothing breaks on sound that is hardly any."""

import math
from collections.abc import Callable, Mapping

import pytest
import torch

from scoring.audio.audio import Audio, from_pcm, resample
from scoring.audio.clip import Clip
from scoring.judges import cleanliness
from scoring.judges.cleanliness import CleanlinessJudge, Silence, silence
from scoring.judges.judge import Utterance
from scoring.report import Factor
from scoring.scores.aggregate import load_anchors

RATE = 22_050
TEXT = "Follow the swan past the broken tower, and do not answer if the ghost calls your name."
VOICES = ("en-us+f2", "en-us+edward", "en-us", "en-us+m1", "en-us+f3")
ANCHORS = load_anchors().factors[Factor.CLEANLINESS]
Measure = Callable[[Audio], Mapping[str, float]]
Damage = Callable[[Audio], Audio]


@pytest.fixture(scope="module")
def voice(speak: Callable[..., bytes]) -> Audio:
    """Five seconds of a clear voice."""
    return from_pcm(speak(TEXT), RATE)


@pytest.fixture(scope="module")
def measure(ask: Callable[..., Utterance]) -> Measure:
    """The judge, for one clip."""
    return lambda audio: CleanlinessJudge().measure([ask(audio)])[0]


def zeros(seconds: float, rate: int = RATE) -> torch.Tensor:
    return torch.zeros(round(seconds * rate))


def joined(*parts: torch.Tensor, rate: int = RATE) -> Audio:
    return Audio(torch.cat(parts), rate)


def tone(seconds: float, hertz: float = 300.0, amplitude: float = 0.3) -> torch.Tensor:
    time = torch.arange(round(seconds * RATE), dtype=torch.float64) / RATE
    return (amplitude * torch.sin(2 * math.pi * hertz * time)).to(torch.float32)


def padded(before: float, inside: float, after: float) -> Damage:
    def apply(audio: Audio) -> Audio:
        half = audio.samples.shape[0] // 2
        return joined(zeros(before), audio.samples[:half], zeros(inside), audio.samples[half:], zeros(after))

    return apply


def clipped(times: float) -> Damage:
    def apply(audio: Audio) -> Audio:
        return Audio((audio.samples / audio.samples.abs().max() * times).clamp(-1.0, 1.0) * 0.5, audio.rate)

    return apply


def noisy(decibels: float) -> Damage:
    def apply(audio: Audio) -> Audio:
        level = float(audio.samples.square().mean().sqrt()) * 10.0 ** (-decibels / 20.0)
        noise = torch.randn(audio.samples.shape, generator=torch.Generator().manual_seed(5))
        return Audio(audio.samples + level * noise, audio.rate)

    return apply


def low_pass(hertz: float) -> Damage:
    def apply(audio: Audio) -> Audio:
        found = torch.fft.rfft(audio.samples.double())
        found[torch.fft.rfftfreq(audio.samples.shape[0], 1 / audio.rate) > hertz] = 0.0
        return Audio(torch.fft.irfft(found, n=audio.samples.shape[0]).float(), audio.rate)

    return apply


def sent_as(inside: int, outside: int) -> Damage:
    return lambda audio: resample(resample(audio, inside), outside)


def gated(audio: Audio) -> Audio:
    """Cells of the spectrum 40 dB below the strongest one are emptied."""
    window = torch.hann_window(1024)
    found = torch.stft(audio.samples, 1024, 256, window=window, return_complex=True)
    kept = torch.where(found.abs() > found.abs().max() * 0.01, found, torch.zeros_like(found))
    return Audio(torch.istft(kept, 1024, 256, window=window, length=audio.samples.shape[0]), audio.rate)


def in_a_room(seconds: float) -> Damage:
    """The voice and 3 dB less of an exponential tail of noise."""

    def apply(audio: Audio) -> Audio:
        time = torch.arange(round(seconds * audio.rate)) / audio.rate
        tail = torch.randn(time.shape, generator=torch.Generator().manual_seed(4)) * 10.0 ** (-3.0 * time / seconds)
        tail *= 0.7 / tail.norm()
        tail[0] = 1.0
        size = audio.samples.shape[0] + tail.shape[0] - 1
        both = torch.fft.irfft(torch.fft.rfft(audio.samples, size) * torch.fft.rfft(tail, size), size)
        return Audio(both / both.abs().max() * 0.8, audio.rate)

    return apply


@pytest.mark.parametrize("name", VOICES)
def test_honest_voices_are_clean(name: str, speak: Callable[..., bytes], measure: Measure) -> None:
    """A voice without a defect pays nothing."""
    assert ANCHORS.utility(measure(from_pcm(speak(TEXT, voice=name), RATE))) == 1.0


@pytest.mark.parametrize(
    ("damage", "metric", "most"),
    [
        pytest.param(padded(3.0, 0.0, 0.0), "leading_silence", 0.0, id="3 s of silence in front"),
        pytest.param(padded(0.0, 2.0, 0.0), "longest_pause", 0.2, id="2 s of silence inside"),
        pytest.param(padded(0.0, 0.0, 2.0), "trailing_silence", 0.4, id="2 s of silence at the end"),
        pytest.param(padded(0.6, 0.8, 0.9), "padding", 0.8, id="a bit of silence everywhere"),
        pytest.param(clipped(2.0), "clipping", 0.8, id="clipped at half of the peak"),
        pytest.param(clipped(4.0), "clipping", 0.0, id="clipped at a quarter"),
        pytest.param(lambda audio: Audio(audio.samples + 0.1, audio.rate), "rumble", 0.5, id="offset"),
        pytest.param(low_pass(3_400.0), "bandwidth", 0.0, id="telephone band"),
        pytest.param(low_pass(7_500.0), "bandwidth", 0.6, id="low-pass at 7.5 kHz"),
        pytest.param(sent_as(16_000, 48_000), "bandwidth", 0.75, id="16 kHz sent as 48 kHz"),
        pytest.param(sent_as(8_000, RATE), "bandwidth", 0.05, id="8 kHz sent as 22.05 kHz"),
        pytest.param(noisy(10.0), "snr", 0.2, id="noise at 10 dB"),
        pytest.param(noisy(20.0), "snr", 0.6, id="noise at 20 dB"),
        pytest.param(gated, "holes", 0.1, id="spectral gating"),
        pytest.param(in_a_room(0.3), "decay", 0.85, id="a room of .3 s"),
        pytest.param(in_a_room(1.2), "decay", 0.3, id="a room of 1.2 s"),
    ],
)
def test_charges_a_defect(damage: Damage, metric: str, most: float, voice: Audio, measure: Measure) -> None:
    """Its own metric leaves the range of honest voices, and the factor falls at least so far."""
    found = measure(damage(voice))
    assert ANCHORS.metrics[metric].utility(found[metric]) <= most
    assert ANCHORS.utility(found) <= most


def test_forgives_what_nobody_hears(voice: Audio, measure: Measure) -> None:
    """Noise at 40 dB, a short lead, a gain, and another rate with all of the treble it can hold."""
    for damage in (noisy(40.0), padded(0.4, 0.0, 0.4), lambda audio: Audio(audio.samples * 0.05, audio.rate)):
        assert ANCHORS.utility(measure(damage(voice))) == 1.0
    assert ANCHORS.utility(measure(resample(voice, 16_000))) == 1.0


def test_silence_is_timed() -> None:
    """.4 s, a second of tone, 1.2 s, half a second of tone, .62 s; the .2 s inside of the tone are ordinary."""
    clip = joined(zeros(0.4), tone(0.4), zeros(0.2), tone(0.4), zeros(1.2), tone(0.5), zeros(0.62))
    found = silence(Clip(clip))
    expected = Silence(leading=0.4, trailing=0.62, longest_pause=1.2, padding=2.22)
    assert found.leading == pytest.approx(expected.leading, abs=0.021)
    assert found.trailing == pytest.approx(expected.trailing, abs=0.021)
    assert found.longest_pause == pytest.approx(expected.longest_pause, abs=0.041)
    assert found.padding == pytest.approx(expected.padding, abs=0.081)


def test_a_click_does_not_end_a_silence() -> None:
    """Nor does an offset fill it."""
    lead = zeros(2.0)
    lead[::4410] = 0.9
    assert silence(Clip(joined(lead + 0.01, tone(1.0)))).leading == pytest.approx(2.0, abs=0.021)


def test_a_click_does_not_hide_clipping(voice: Audio) -> None:
    """A few samples far above the rest are set aside."""
    flat = clipped(4.0)(voice).samples
    before = cleanliness.clipping(flat)
    flat[1000:1004] = 0.99
    assert cleanliness.clipping(flat) == pytest.approx(before, rel=0.02)


def test_silence_inside_does_not_hide_noise(voice: Audio, measure: Measure) -> None:
    """Noise is looked for where there is sound."""
    noise = noisy(10.0)(voice)
    assert measure(padded(0.0, 0.7, 0.0)(noise))["snr"] == pytest.approx(measure(noise)["snr"], abs=0.5)


def test_a_whistle_neither_hides_speech_nor_fills_silence(voice: Audio) -> None:
    """Far louder than the voice, at 15 kHz: speech begins and ends where it did, and a second of nothing is one."""
    high = resample(voice, 48_000).samples * 0.05
    clip = torch.cat([torch.zeros(48_000), high])
    time = torch.arange(clip.shape[0], dtype=torch.float64) / 48_000
    swell = (time / 0.1).clamp(max=1.0) * ((time[-1] - time) / 0.1).clamp(max=1.0)  # a sudden start would be a click
    whistled = Clip(Audio(clip + (0.9 * swell * torch.sin(2 * math.pi * 15_000 * time)).float(), 48_000))
    plain = Clip(Audio(clip, 48_000))
    assert whistled.speech.seconds == pytest.approx(plain.speech.seconds, abs=0.1)
    assert silence(whistled).leading == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("gain", [0.001, 0.05, 0.5])
def test_a_gain_moves_no_border_of_speech(gain: float, voice: Audio) -> None:
    """However soft the clip, the same part of it is speech."""
    assert Clip(Audio(voice.samples * gain, RATE)).speech.seconds == Clip(voice).speech.seconds


@pytest.mark.parametrize("decibels", [0.0, 10.0, 20.0])
def test_the_noise_of_white_noise_reads_true(decibels: float, voice: Audio, measure: Measure) -> None:
    """Within 4 dB of what was added: speech is measured where it is loud, noise over the whole clip."""
    assert measure(noisy(decibels)(voice))["snr"] == pytest.approx(decibels + 2.0, abs=2.0)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(torch.zeros(RATE), id="digital silence"),
        pytest.param(torch.full((RATE,), 0.5), id="offset alone"),
        pytest.param(tone(2.0, amplitude=0.0014), id="a tone at -60 dBFS"),
        pytest.param(tone(0.35), id="a third of a second"),
        pytest.param(torch.ones(1), id="one sample"),
        pytest.param((torch.arange(RATE) % 2 * 2 - 1).float(), id="full scale at half of the rate"),
    ],
)
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_whatever_comes_the_numbers_are_finite(samples: torch.Tensor, rate: int, measure: Measure) -> None:
    """No sound makes a metric missing, infinite or NaN."""
    found = measure(Audio(samples, rate))
    assert set(found) == set(ANCHORS.metrics)
    assert all(math.isfinite(value) for value in found.values())


def test_the_same_alone_in_a_batch_and_with_other_threads(voice: Audio, ask: Callable[..., Utterance], measure: Measure) -> None:
    """To the last digit."""
    other = noisy(20.0)(voice)
    alone = [measure(voice), measure(other)]
    assert CleanlinessJudge().measure([ask(other), ask(voice)]) == alone[::-1]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1 if threads > 1 else 2)
        assert [measure(voice), measure(other)] == alone
    finally:
        torch.set_num_threads(threads)
