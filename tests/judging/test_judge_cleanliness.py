"""Cleanliness: each defect moves its own number, an honest voice is not charged, and nothing breaks on sound that is hardly any."""

import math
from collections.abc import Callable, Iterable, Mapping

import pytest
import torch

from prompts.voices import Register, Voice
from scoring.audio.audio import Audio, from_pcm, resample, to_pcm
from scoring.audio.clip import Clip
from scoring.judges import defects
from scoring.judges.cleanliness import CleanlinessJudge, Silence, faintness, silence
from scoring.judges.judge import Utterance
from scoring.report import Factor
from scoring.scores.aggregate import load_anchors
from scoring.studies.manipulations.losses import Loss, lose
from scoring.studies.manipulations.manipulation import Manipulation, apply

RATE = 22_050
TEXT = "Follow the swan past the broken tower, and do not answer if the ghost calls your name."
SHORT = "Do not answer if the ghost calls your name."
VOICES = ("en-us+f2", "en-us+edward", "en-us", "en-us+m1", "en-us+f3")
ANCHORS = load_anchors().factors[Factor.CLEANLINESS]
MOST_GAIN = 0.002
"""Points of the score that a loss may gain at most; all of them would be this factor's."""
HARMS = (
    Manipulation.NOISE_20,
    Manipulation.HUM_50,
    Manipulation.GLIDE,
    Manipulation.TONES,
    Manipulation.REVERBERATION,
    Manipulation.ECHO,
)
"""Not clipping, gating and a narrow band: what hides them is said under the docs' known limits."""
LOSSES_OF_HARM = (Loss.AT_16K, Loss.AT_48K_OF_16K, Loss.BELOW_5500, Loss.BELOW_7000, Loss.BITS_10, Loss.MU_LAW, Loss.LOUDER)
"""No codec among them: it takes some of a noise or an echo away with the rest."""
MOST_CHANCE = 0.05
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


def roughened(audio: Audio) -> Audio:
    """Clipped at a quarter of the peak, and no flat top longer than two samples left."""
    flat = clipped(4.0)(audio).samples.clone()
    flat[::3] *= 0.9
    return Audio(flat, audio.rate)


def halting(audio: Audio) -> Audio:
    """A second and a half of silence after each half a second."""
    parts = torch.split(audio.samples, RATE // 2)
    return joined(*(part for each in parts for part in (each, zeros(1.5))))


def manipulated(name: Manipulation) -> Damage:
    return lambda audio: apply(name, audio)


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
        pytest.param(halting, "padding", 0.8, id="silence at many places"),
        pytest.param(clipped(2.0), "clipping", 0.8, id="clipped at half of the peak"),
        pytest.param(clipped(4.0), "clipping", 0.0, id="clipped at a quarter"),
        pytest.param(roughened, "crowding", 0.8, id="clipped, and every third sample lowered"),
        pytest.param(lambda audio: Audio(audio.samples + 0.1, audio.rate), "rumble", 0.5, id="offset"),
        pytest.param(low_pass(3_400.0), "bandwidth", 0.0, id="telephone band"),
        pytest.param(low_pass(5_500.0), "bandwidth", 0.8, id="low-pass at 5.5 kHz"),
        pytest.param(manipulated(Manipulation.BELOW_7500), "cliff", 0.6, id="low-pass at 7.5 kHz"),
        pytest.param(sent_as(8_000, RATE), "bandwidth", 0.7, id="8 kHz sent as 22.05 kHz"),
        pytest.param(sent_as(8_000, 48_000), "bandwidth", 0.7, id="8 kHz sent as 48 kHz"),
        pytest.param(noisy(10.0), "snr", 0.2, id="noise at 10 dB"),
        pytest.param(noisy(20.0), "snr", 0.7, id="noise at 20 dB"),
        pytest.param(manipulated(Manipulation.NOISE_25), "snr", 0.95, id="noise at 25 dB"),
        pytest.param(manipulated(Manipulation.HUM_50), "hum", 0.7, id="hum of 50 Hz"),
        pytest.param(manipulated(Manipulation.HUM_60), "hum", 0.7, id="hum of 60 Hz"),
        pytest.param(manipulated(Manipulation.GLIDE), "depth", 0.9, id="a gliding tone under the voice"),
        pytest.param(manipulated(Manipulation.TONES), "tone", 0.0, id="a tone behind the voice"),
        pytest.param(manipulated(Manipulation.ECHO), "echo", 0.7, id="an echo"),
        pytest.param(manipulated(Manipulation.QUIET), "faintness", 0.5, id="20 dB too faint"),
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


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(noisy(40.0), id="noise at 40 dB"),
        pytest.param(padded(0.6, 0.4, 0.6), id="half a second on each side"),
        pytest.param(lambda audio: Audio(audio.samples * 0.3, audio.rate), id="10 dB softer"),
        pytest.param(lambda audio: resample(audio, 16_000), id="sent at 16 kHz"),
        pytest.param(sent_as(16_000, 24_000), id="16 kHz sent as 24 kHz"),
        pytest.param(sent_as(16_000, 48_000), id="16 kHz sent as 48 kHz"),
        pytest.param(manipulated(Manipulation.MU_LAW), id="mu-law"),
        pytest.param(manipulated(Manipulation.UPSAMPLED_16K), id="through 16 kHz"),
    ],
)
def test_forgives_what_nobody_hears(change: Damage, voice: Audio, measure: Measure) -> None:
    """And what cannot be told from sound that was always so: of a rate that promises more, nothing more is asked."""
    assert ANCHORS.utility(measure(change(voice))) == 1.0


def test_a_low_pass_that_a_rate_of_16_khz_has_anyway_is_no_defect(voice: Audio, measure: Measure) -> None:
    """At 7.5 kHz it is charged where there was more, and not where a converter between rates ends just above."""
    narrow = resample(voice, 16_000)
    assert ANCHORS.utility(measure(low_pass(7_500.0)(narrow))) == 1.0
    assert ANCHORS.utility(measure(low_pass(6_500.0)(narrow))) < 1.0


@pytest.mark.parametrize("text", ["Who is there?", "No one knew."])
@pytest.mark.parametrize("name", VOICES)
def test_a_few_words_without_a_pause_are_clean(name: str, text: str, speak: Callable[..., bytes], measure: Measure) -> None:
    """Where no moment shows what lies under the voice, nothing is taken to lie there."""
    found = measure(from_pcm(speak(text, voice=name), RATE))
    assert [metric for metric in ("depth", "decay") if ANCHORS.metrics[metric].utility(found[metric]) < 1.0] == []


@pytest.mark.parametrize("name", [*VOICES[:3], *(pytest.param(name, marks=pytest.mark.slow) for name in VOICES[3:])])
def test_no_loss_raises_a_voice(name: str, speak: Callable[..., bytes], measure: Measure) -> None:
    """Whatever is thrown away of a voice, its cleanliness is no better than before."""
    gains = gains_of(from_pcm(speak(SHORT, voice=name), RATE), Loss, measure)
    assert {loss: gain for loss, gain in gains.items() if gain > MOST_GAIN} == {}


@pytest.mark.parametrize("harm", HARMS)
def test_no_loss_hides_a_defect(harm: Manipulation, speak: Callable[..., bytes], measure: Measure) -> None:
    """A voice that was harmed before gains no more than chance moves it."""
    gains = gains_of(apply(harm, from_pcm(speak(SHORT), RATE)), LOSSES_OF_HARM, measure)
    assert {loss: gain for loss, gain in gains.items() if gain > MOST_CHANCE} == {}


def gains_of(audio: Audio, losses: Iterable[Loss], measure: Measure) -> dict[Loss, float]:
    """Points that each loss adds to the utility, measured on 16-bit sound as a judge gets it."""
    before = ANCHORS.utility(measure(from_pcm(to_pcm(audio), audio.rate)))
    after = {loss: lose(loss, audio) for loss in losses}
    return {loss: ANCHORS.utility(measure(from_pcm(to_pcm(lost), lost.rate))) - before for loss, lost in after.items()}


@pytest.mark.parametrize(
    ("loudness", "lufs", "expected"),
    [
        pytest.param(3, -45.0, 12.0, id="as if from the next room"),
        pytest.param(5, -34.0, 1.0, id="where a loud voice was asked"),
        pytest.param(2, -45.0, 0.0, id="a soft voice was asked"),
        pytest.param(3, -23.0, 0.0, id="ordinary"),
    ],
)
def test_faintness_is_charged_only_where_it_was_not_asked_for(loudness: int, lufs: float, expected: float) -> None:
    """LU below -33."""
    assert faintness(Voice(register=Register.LOW, rate=3, pitch=3, expression=3, loudness=loudness), lufs) == expected


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
    before = defects.clipping(flat)
    flat[1000:1004] = 0.99
    assert defects.clipping(flat) == pytest.approx(before, rel=0.02)


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
    assert measure(noisy(decibels)(voice))["snr"] == pytest.approx(decibels + 1.5, abs=2.0)


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
