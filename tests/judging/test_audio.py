"""Sound: decoding, resampling, loudness, where speech is; each against numbers computed by hand."""

import math

import pytest
import torch

from scoring.audio.audio import SILENCE_LUFS, Audio, activity, from_pcm, loudness, normalise, resample, speech_seconds, trim

RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 88_200, 96_000, 191_999, 192_000]


def tone(hertz: float, seconds: float, rate: int = 16_000, amplitude: float = 0.5) -> Audio:
    time = torch.arange(round(seconds * rate), dtype=torch.float64) / rate
    return Audio((amplitude * torch.sin(2 * math.pi * hertz * time)).to(torch.float32), rate)


def joined(*parts: Audio) -> Audio:
    return Audio(torch.cat([part.samples for part in parts]), parts[0].rate)


def silence(seconds: float, rate: int = 16_000) -> Audio:
    return Audio(torch.zeros(round(seconds * rate)), rate)


def test_decodes_pcm() -> None:
    """Little-endian 16-bit: full negative scale is -1; a torn last byte is dropped."""
    audio = from_pcm(b"\x00\x80\x00\x40\x00\x00\x7f", 16_000)
    assert audio.samples.tolist() == [-1.0, 0.5, 0.0]
    assert audio.samples.dtype is torch.float32


@pytest.mark.parametrize("pcm", [pytest.param(b"", id="nothing"), pytest.param(b"\x01", id="half a sample")])
def test_decodes_nothing_to_nothing(pcm: bytes) -> None:
    """No whole sample is an empty sound, not an error."""
    assert from_pcm(pcm, 16_000).seconds == 0.0


def test_full_scale_tone_has_the_loudness_of_the_standard() -> None:
    """BS.1770: a 997 Hz sine at 0 dBFS in one channel reads -3.01 LKFS."""
    assert loudness(tone(997.0, 3.0, rate=48_000, amplitude=1.0)) == pytest.approx(-3.01, abs=0.1)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("level", [0.0, -20.0, -40.0])
def test_loudness_is_that_of_the_standard_at_every_rate(rate: int, level: float) -> None:
    """A 997 Hz sine reads 3.01 LU below its peak level: the weighting is 0.69 dB there, which the formula's constant undoes.

    The weighting bends a little near half of a low rate: .18 LU at 8 kHz, .07 at 16 kHz, the meters' own tolerance of .1.
    """
    measured = loudness(tone(997.0, 2.0, rate=rate, amplitude=10.0 ** (level / 20.0)))
    assert measured == pytest.approx(level - 3.01, abs=0.2 if rate < 16_000 else 0.1)


def test_loudness_weighs_frequencies_as_the_standard_does() -> None:
    """BS.1770's K-weighting at 48 kHz, relative to 997 Hz: its own tables give -7.0 dB at 38 Hz and +3.3 dB well above 2 kHz."""
    middle = loudness(tone(997.0, 3.0, rate=48_000))
    assert loudness(tone(38.0, 3.0, rate=48_000)) - middle == pytest.approx(-7.0, abs=0.5)
    assert loudness(tone(8_000.0, 3.0, rate=48_000)) - middle == pytest.approx(3.3, abs=0.2)


def test_loudness_gates_what_is_much_softer() -> None:
    """As in EBU Tech 3341's third case: 10 s at -36, 60 s at -23, 10 s at -36 dBFS read as the loud part alone."""
    soft, loud = (tone(1_000.0, seconds, amplitude=10.0 ** (level / 20.0)) for seconds, level in ((10.0, -36.0), (60.0, -23.0)))
    assert loudness(joined(soft, loud, soft)) == pytest.approx(loudness(loud), abs=0.1)


def test_loudness_follows_gain_and_ignores_pauses() -> None:
    """Half the amplitude is 6.02 LU less; silence beside the tone is gated out."""
    loud, soft = loudness(tone(997.0, 2.0)), loudness(tone(997.0, 2.0, amplitude=0.25))
    assert loud - soft == pytest.approx(6.02, abs=0.01)
    assert loudness(joined(tone(997.0, 4.0), silence(4.0))) == pytest.approx(loudness(tone(997.0, 4.0)), abs=0.4)


@pytest.mark.parametrize("audio", [pytest.param(silence(1.0), id="silence"), pytest.param(silence(0.0), id="empty")])
def test_silence_has_a_finite_loudness(audio: Audio) -> None:
    """Nothing above the absolute gate reads as the gate, never NaN or -inf; normalising leaves it alone."""
    assert loudness(audio) == SILENCE_LUFS
    assert torch.equal(normalise(audio).samples, audio.samples)


def test_normalises_to_the_target() -> None:
    """-23 LUFS, whatever came in, as long as no peak is clipped."""
    for amplitude in (0.02, 0.9):
        assert loudness(normalise(tone(440.0, 2.0, amplitude=amplitude))) == pytest.approx(-23.0, abs=0.05)


def test_normalising_never_clips() -> None:
    """A click in a faint tone limits the gain."""
    faint = tone(440.0, 2.0, amplitude=0.004)
    faint.samples[100] = 0.9
    assert float(normalise(faint).samples.abs().max()) <= 1.0


@pytest.mark.parametrize("rate", [22_050, 24_000, 44_100, 48_000])
def test_resampling_keeps_a_tone(rate: int) -> None:
    """A 440 Hz tone comes out as the same tone at 16 kHz, away from the edges."""
    converted = resample(tone(440.0, 0.5, rate=rate), 16_000)
    expected = tone(440.0, 0.5)
    assert converted.rate == 16_000
    assert torch.allclose(converted.samples[800:7200], expected.samples[800:7200], atol=2e-3)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("length", [0, 1, 2, 7, 160, 8_001])
def test_every_rate_and_length_is_taken(rate: int, length: int) -> None:
    """Each function answers, with finite samples, however short the sound."""
    audio = Audio(tone(440.0, 2.0, rate=rate).samples[:length], rate)
    converted = resample(audio, 16_000)
    assert (converted.rate, converted.samples.shape[0]) == (16_000, math.ceil(length * 16_000 / rate))
    assert resample(converted, rate).rate == rate
    assert loudness(audio) >= SILENCE_LUFS
    assert bool(normalise(audio).samples.isfinite().all())
    assert trim(audio).samples.shape[0] <= length
    assert speech_seconds(audio) <= length / rate + 0.02
    assert activity(audio).shape[0] == math.ceil(length / round(0.02 * rate))


def test_ten_minutes_are_taken() -> None:
    """The longest sound that is decoded, here at 8 kHz."""
    audio = tone(440.0, 600.0, rate=8_000)
    assert resample(audio, 16_000).samples.shape[0] == 600 * 16_000
    assert loudness(audio) == pytest.approx(loudness(tone(440.0, 2.0, rate=8_000)), abs=0.05)
    assert speech_seconds(trim(audio)) == pytest.approx(600.0)


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_is_positive(rate: int) -> None:
    """Nothing can be resampled to another."""
    with pytest.raises(ValueError, match="a rate is positive"):
        resample(tone(440.0, 0.1), rate)


def test_rates_without_a_common_factor_need_no_table() -> None:
    """A prime rate: the tone comes out as the same tone, away from the edges, in both directions."""
    for inside, outside in ((191_999, 16_000), (16_000, 44_101)):
        converted, expected = resample(tone(440.0, 0.5, rate=inside), outside), tone(440.0, 0.5, rate=outside)
        part = slice(outside // 20, outside // 20 * 9)
        assert torch.allclose(converted.samples[part], expected.samples[part], atol=2e-3)


def test_an_offset_is_no_speech() -> None:
    """A constant at half of full scale."""
    assert speech_seconds(Audio(torch.full((16_000,), 0.5), 16_000)) == 0.0


def test_activity_marks_speech_with_a_hangover() -> None:
    """A second of tone between silences is active, and 100 ms on both sides of it."""
    audio = joined(silence(1.0), tone(300.0, 1.0), silence(1.0))
    active = activity(audio).nonzero().flatten()
    assert (int(active[0]), int(active[-1]), len(active)) == (45, 104, 60)
    assert speech_seconds(audio) == pytest.approx(1.2)


def test_the_floor_is_absolute() -> None:
    """A tone at -60 dBFS is silence although it is the loudest thing in the clip."""
    faint = tone(300.0, 1.0, amplitude=math.sqrt(2) * 10 ** (-60 / 20))
    assert speech_seconds(faint) == 0.0
    assert trim(faint).seconds == 0.0


def test_trims_both_ends_and_keeps_the_middle() -> None:
    """Leading and trailing silence go, a pause inside stays."""
    audio = joined(silence(0.5), tone(300.0, 0.5), silence(1.0), tone(300.0, 0.5), silence(2.0))
    assert trim(audio).seconds == pytest.approx(2.0 + 2 * 0.1)


def test_results_do_not_depend_on_threads() -> None:
    """One and two threads give the same bits."""
    generator = torch.Generator().manual_seed(1)
    noise = Audio(torch.rand(22_050 * 12, generator=generator) - 0.5, 22_050)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append((resample(noise, 16_000).samples, loudness(noise), activity(noise)))
    finally:
        torch.set_num_threads(before)
    (one, loud_one, active_one), (two, loud_two, active_two) = results
    assert torch.equal(one, two) and loud_one == loud_two and torch.equal(active_one, active_two)
