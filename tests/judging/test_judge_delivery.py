"""Delivery: measures against tones of known pitch and level, levels against the published edges."""

import math
from collections.abc import Callable

import pytest
import torch

from prompts.voices import LEVELS, Attribute, Register, Voice, agreement, centre, edges, level
from scoring.audio.audio import Audio, from_pcm
from scoring.audio.pitch import HOP, RATE, PitchTrack, quantiles, track
from scoring.judges.delivery import DeliveryJudge, energy_sd, flatness, pause_share
from scoring.judges.judge import Utterance
from scoring.judges.recognition.recogniser import HeardWord, Recogniser
from scoring.judges.word_timing import WordAligner, WordSpan, match_words, said_mask
from scoring.report import Factor
from scoring.scores.aggregate import load_anchors
from scoring.studies.manipulations.manipulation import Manipulation, apply

Tone = Callable[..., Audio]


class Everywhere:
    """Finds every word of the prompt, one after the other, over the first two seconds."""

    def find(self, utterance: Utterance) -> tuple[WordSpan, ...]:
        """As long as each other."""
        words = utterance.prompt.text.split()
        return tuple(WordSpan(word, 2.0 * at / len(words), 2.0 * (at + 1) / len(words), True) for at, word in enumerate(words))


JUDGE = DeliveryJudge(Everywhere())


def f0(audio: Audio) -> torch.Tensor:
    """F0 of the voiced frames in Hz, in order."""
    found = track(audio)
    return found.hertz[found.voiced]


@pytest.mark.parametrize("hertz", [75.0, 110.0, 196.0, 261.6, 390.0])
@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
def test_finds_the_pitch_of_a_tone(tone: Tone, hertz: float, rate: int) -> None:
    """Within half a percent over the range of voices, at any sampling rate, with no octave error."""
    found = f0(tone(hertz, rate=rate))
    assert found.shape[0] > 150
    assert float((found / hertz - 1).abs().max()) < 0.005


def test_finds_the_spread_of_a_vibrato(tone: Tone) -> None:
    """A sinusoidal vibrato of depth d has a standard deviation of d / √2."""
    assert float(f0(tone(180.0, depth=30.0)).std()) == pytest.approx(30.0 / 2**0.5, rel=0.05)


def voice_like(contour: torch.Tensor, harmonics: dict[int, float] | None = None) -> torch.Tensor:
    """Harmonics of a pitch contour in Hz [samples] at 16 kHz below 4 kHz, falling with 1 / k and shaped by three resonances."""
    phase = 2 * math.pi * torch.cumsum(contour / RATE, 0)
    wave = torch.zeros_like(contour)
    for k in range(1, int(4000 / float(contour.min()))):
        here = k * contour
        shape = sum((1 / (1 + ((here - f) / b) ** 2) for f, b in ((500, 80), (1500, 120), (2500, 160))), torch.tensor(0.05))
        wave += (harmonics or {}).get(k, 1.0) / k * shape * torch.sin(k * phase + 0.7 * k * k)
    return 0.3 * wave / wave.abs().max()


def in_noise(wave: torch.Tensor, decibels: float, seed: int) -> Audio:
    """White noise this much weaker than the wave, added."""
    noise = torch.randn(wave.shape, generator=torch.Generator().manual_seed(seed), dtype=wave.dtype)
    return Audio((wave + noise * wave.square().mean().sqrt() * 10 ** (-decibels / 20)).to(torch.float32), RATE)


@pytest.mark.parametrize(
    ("harmonics", "gross"),
    [
        pytest.param({}, 0.0, id="a voice"),
        pytest.param({1: 0.05}, 0.0, id="almost no fundamental"),
        pytest.param({1: 0.0, 2: 0.1}, 0.01, id="as over a telephone"),
        pytest.param({2: 5.0}, 0.1, id="the octave 14 dB too strong"),
    ],
)
def test_follows_a_gliding_voice_through_noise(harmonics: dict[int, float], gross: float) -> None:
    """Half an octave of glide with vibrato, from 85, 150 and 250 Hz, noise at 10 dB: voiced throughout, few frames a fifth off."""
    time = torch.arange(24_000, dtype=torch.float64) / RATE
    for start in (85.0, 150.0, 250.0):
        contour = start * 2 ** (time / 3) * (1 + 0.03 * torch.sin(2 * math.pi * 5 * time))
        found = track(in_noise(voice_like(contour, harmonics), 10.0, seed=round(start)))
        truth = contour[torch.arange(found.hertz.shape[0]) * HOP + 400]
        wrong = (found.hertz[found.voiced] / truth[found.voiced] - 1).abs() > 0.2
        assert float(found.voiced.double().mean()) > 0.97
        assert float(wrong.double().mean()) <= gross


@pytest.mark.parametrize(
    "audio",
    [
        pytest.param(Audio(torch.zeros(16_000), 16_000), id="silence"),
        pytest.param(Audio(torch.zeros(100), 16_000), id="shorter than a frame"),
        pytest.param(Audio(torch.randn(32_000, generator=torch.Generator().manual_seed(5)) * 0.1, 16_000), id="noise"),
    ],
)
def test_finds_no_pitch_where_there_is_none(audio: Audio) -> None:
    """Noise and silence are unvoiced."""
    assert f0(audio).shape[0] == 0


@pytest.mark.parametrize("register", list(Register))
@pytest.mark.parametrize("attribute", list(Attribute))
def test_levels_follow_the_edges(attribute: Attribute, register: Register) -> None:
    """Seven bins of rising edges; a bin's middle is on its own level, and far values are on the outer ones."""
    scale = edges(attribute, register)
    assert list(scale) == sorted(scale) and len(scale) == LEVELS + 1
    assert [level(attribute, register, centre(attribute, register, asked)) for asked in range(LEVELS)] == list(range(LEVELS))
    assert (level(attribute, register, scale[0] - 50), level(attribute, register, scale[-1] + 50)) == (0, LEVELS - 1)


@pytest.mark.parametrize(
    ("asked", "measured", "expected"),
    [pytest.param(3, 3, 1.0, id="equal"), pytest.param(1, 4, 0.5, id="half"), pytest.param(6, 0, 0.0, id="opposite")],
)
def test_agreement_is_ordinal(asked: int, measured: int, expected: float) -> None:
    """`1 - |asked - measured| / 6`."""
    assert agreement(asked, measured) == expected


def test_measures_all_attributes(tone: Tone, ask: Callable[..., Utterance]) -> None:
    """A 125 Hz tone of 2 s for 'open the gate' (9 phonemes): 4.5 phonemes/s, no spread, level from its power."""
    (metrics,) = JUDGE.measure([ask(tone(125.0), rate=0)])
    assert metrics["phoneme_rate"] == pytest.approx(9 / 2.0)
    assert metrics["f0_median"] == pytest.approx(125.0, rel=0.005)
    assert metrics["f0_spread"] < 1.0
    assert metrics["lufs"] == pytest.approx(-16.5, abs=1.5)
    assert metrics["delivery"] == 1.0


@pytest.mark.parametrize(
    ("levels", "register", "expected"),
    [
        pytest.param({}, Register.LOW, 1.0, id="only the register: 125 Hz is ordinary for a low voice"),
        pytest.param({}, Register.HIGH, 0.5, id="too low for a high voice"),
        pytest.param({"pitch": 6}, Register.LOW, 0.5, id="asked higher"),
        pytest.param({"expression": 6}, Register.LOW, 0.5, id="pitch agrees, a monotone does not"),
        pytest.param({"expression": 0}, Register.LOW, 1.0, id="a monotone was asked"),
        pytest.param({"loudness": 2, "expression": 0}, Register.LOW, (1 + 1 + 0.5) / 3, id="three levels too loud"),
    ],
)
def test_agrees_with_what_was_asked(
    tone: Tone, ask: Callable[..., Utterance], levels: dict[str, int], register: Register, expected: float
) -> None:
    """The mean over pitch and every attribute that is out of the ordinary; an attribute without mention does not count."""
    (metrics,) = JUDGE.measure([ask(tone(125.0), register=register, **levels)])
    assert metrics["delivery"] == pytest.approx(expected)


def test_what_asks_nothing_is_not_measured(tone: Tone, ask: Callable[..., Utterance]) -> None:
    """Plain reading names no register and nothing out of the ordinary; beside it, others are measured as ever."""
    plain, asked = JUDGE.measure([ask(tone(125.0), register=None), ask(tone(125.0))])
    assert (plain, asked["delivery"]) == ({}, 1.0)


def test_a_voiceless_sound_has_finite_numbers(ask: Callable[..., Utterance]) -> None:
    """Noise has no pitch: zeros, not NaN."""
    hiss = Audio(torch.randn(32_000, generator=torch.Generator().manual_seed(5)) * 0.1, 16_000)
    (metrics,) = JUDGE.measure([ask(hiss)])
    assert (metrics["f0_median"], metrics["f0_spread"], metrics["delivery"]) == (0.0, 0.0, 0.5)


def test_does_not_depend_on_threads_or_company(tone: Tone, ask: Callable[..., Utterance]) -> None:
    """One and two threads, alone and in a batch: the same bits."""
    utterances = [ask(tone(hertz, depth=9.0, rate=22_050, seconds=4.0)) for hertz in (90.0, 130.0, 210.0)]
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(JUDGE.measure(utterances))
    finally:
        torch.set_num_threads(before)
    alone = [JUDGE.measure([utterance])[0] for utterance in reversed(utterances)]
    assert results[0] == results[1] == alone[::-1]


def pitched(hertz: list[float], power: list[float]) -> PitchTrack:
    """Frames of known pitch (0: unvoiced) and power."""
    values = torch.tensor(hertz, dtype=torch.float64)
    return PitchTrack(values, (values > 0).double(), torch.tensor(power, dtype=torch.float64), values > 0)


def test_pitch_counts_by_power_above_the_background() -> None:
    """Loud frames decide; frames hardly above the quietest tenth do not count; without voiced frames all is zero."""
    octave = (100.0 * 2 ** torch.linspace(0, 1, 1001, dtype=torch.float64)).tolist()
    low, middle, high = quantiles(pitched([*octave, *[0.0] * 200], [1.0] * 1001 + [0.001] * 200), (0.1, 0.5, 0.9))
    assert 12.0 * math.log2(high / low) == pytest.approx(9.6, abs=0.05)
    assert middle == pytest.approx(100.0 * 2**0.5, rel=0.01)
    hum = pitched([120.0] * 60 + [300.0] * 40, [1.0] * 60 + [0.02] * 40)
    assert quantiles(hum, (0.1, 0.5, 0.9)) == [120.0, 120.0, 120.0]
    assert quantiles(pitched([], []), (0.5,)) == quantiles(pitched([0.0, 0.0], [1.0, 1.0]), (0.5,)) == [0.0]


@pytest.fixture(scope="module")
def clear(speak: Callable[..., bytes]) -> tuple[str, Audio]:
    """A sentence, and a voice that says it."""
    text = "Nobody in Chicago remembers Rachel Morgan, who painted the bakery brown."
    return text, from_pcm(speak(text), 22_050)


@pytest.fixture(scope="module")
def listening(clear: tuple[str, Audio]) -> DeliveryJudge:
    """With a recogniser of that sentence."""
    return DeliveryJudge(WordAligner(Recogniser([clear[0]])))


@pytest.mark.parametrize("name", [Manipulation.TONES, Manipulation.TRAILING_SILENCE])
def test_what_sounds_beside_the_words_has_no_rate_and_no_pitch(
    clear: tuple[str, Audio], listening: DeliveryJudge, ask: Callable[..., Utterance], name: Manipulation
) -> None:
    """A faint tone after the last word moves neither; only as sound that nobody asked for is it counted."""
    text, plain = clear
    before, after = listening.measure([ask(plain, text=text), ask(apply(name, plain), text=text)])
    assert after["phoneme_rate"] == pytest.approx(before["phoneme_rate"], rel=0.03)
    assert after["f0_median"] == pytest.approx(before["f0_median"], rel=0.02)
    assert after["f0_spread"] == pytest.approx(before["f0_spread"], abs=1.0)
    assert before["stray"] < 0.2
    assert after["stray"] == pytest.approx(3.0 if name is Manipulation.TONES else 0.0, abs=0.3)


def test_a_gliding_tone_under_the_speech_is_no_expression(
    clear: tuple[str, Audio], listening: DeliveryJudge, ask: Callable[..., Utterance]
) -> None:
    """18 dB below the loudest moment, 70 … 370 Hz: less than half a level of spread, where all voiced frames would show four."""
    text, plain = clear
    before, after = listening.measure([ask(plain, text=text), ask(apply(Manipulation.GLIDE, plain), text=text)])
    assert after["f0_median"] == pytest.approx(before["f0_median"], rel=0.03)
    assert after["f0_spread"] - before["f0_spread"] < 8.7
    assert float(f0(apply(Manipulation.GLIDE, plain)).std()) - float(f0(plain).std()) > 35.0


def test_a_tone_under_the_words_is_no_pitch_of_theirs(
    clear: tuple[str, Audio], listening: DeliveryJudge, ask: Callable[..., Utterance]
) -> None:
    """A sine that follows the speech's envelope repeats itself without harmonics: it is told from a voice, and charged."""
    text, plain = clear
    envelope = torch.nn.functional.avg_pool1d(plain.samples.square()[None], 661, 1, 330)[0].sqrt()
    time = torch.arange(plain.samples.shape[0], dtype=torch.float64) / plain.rate
    sine = (torch.sin(2 * math.pi * 80.0 * time) * 2.0).to(torch.float32) * envelope * 2**0.5
    under = Audio((plain.samples + sine).clamp(-1.0, 1.0), plain.rate)
    before, after = listening.measure([ask(plain, text=text), ask(under, text=text)])
    scale = load_anchors().factors[Factor.DELIVERY].metrics["borrowed"]
    assert (scale.utility(before["borrowed"]), scale.utility(after["borrowed"])) == (1.0, 0.0)


def test_words_are_matched_to_the_prompt() -> None:
    """Equal words were said, others stand in their place, added ones nowhere; nothing asked or heard has no place."""
    heard = [HeardWord(word, float(at), at + 1.0) for at, word in enumerate(["take", "the", "golden", "ring", "home", "again"])]
    assert match_words(["take", "the", "silver", "ring", "home"], heard) == (
        WordSpan("take", 0.0, 1.0, True),
        WordSpan("the", 1.0, 2.0, True),
        WordSpan("silver", 2.0, 3.0, False),
        WordSpan("ring", 3.0, 4.0, True),
        WordSpan("home", 4.0, 5.0, True),
    )
    assert match_words((), heard) == match_words(("a",), ()) == ()


def test_a_margin_belongs_to_a_word_unless_another_was_heard_there() -> None:
    """A tenth of a second before and after; instants of 0.1 s."""
    spans = [WordSpan("a", 0.2, 0.4, True), WordSpan("b", 0.4, 0.6, False), WordSpan("c", 0.8, 0.9, True)]
    assert said_mask(spans, 12, 10.0).nonzero()[:, 0].tolist() == [1, 2, 3, 7, 8, 9]


@pytest.mark.parametrize(
    ("expression", "semitones", "expected"),
    [
        pytest.param(3, 0.5, 1.5, id="a monotone nobody asked for"),
        pytest.param(6, 0.5, 1.5, id="a monotone where life was asked for"),
        pytest.param(2, 0.5, 0.0, id="an even tone was asked for"),
        pytest.param(0, 0.0, 0.0, id="a machine was asked for"),
        pytest.param(3, 3.5, 0.0, id="an ordinary reader"),
        pytest.param(5, 14.0, 0.0, id="more than enough costs nothing"),
    ],
)
def test_flatness_is_charged_only_where_it_was_not_asked_for(expression: int, semitones: float, expected: float) -> None:
    """Flatness is the distance to two semitones."""
    assert flatness(Voice(register=Register.LOW, rate=3, pitch=3, expression=expression, loudness=3), semitones) == expected


def test_level_spread_is_that_of_speech(tone: Tone) -> None:
    """Two levels 6 dB apart have a deviation of 3 dB; silence between them is no speech."""
    loud, soft = (tone(200.0, amplitude=amplitude, seconds=1.0).samples for amplitude in (0.2, 0.1))
    spread = energy_sd(Audio(torch.cat([loud, torch.zeros(8000), soft]), 16_000))
    assert spread == pytest.approx(3.01, abs=0.05)


@pytest.mark.parametrize(
    ("silence", "expected"),
    [
        pytest.param(0.0, 0.0, id="none"),
        pytest.param(0.16, 0.0, id="a stop consonant"),
        pytest.param(1.0, 1 / 3, id="a second in three"),
    ],
)
def test_pauses_are_silences_inside_speech(tone: Tone, silence: float, expected: float) -> None:
    """A second of tone on each side."""
    second = tone(200.0, seconds=1.0).samples
    audio = Audio(torch.cat([second, torch.zeros(round(silence * 16_000)), second]), 16_000)
    assert pause_share(audio) == pytest.approx(expected, abs=0.01)
