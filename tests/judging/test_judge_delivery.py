"""Delivery: measures against tones of known pitch and level, levels against the published edges."""

import math
from collections.abc import Callable

import pytest
import torch

from prompts.voices import EDGES, LEVELS, Attribute, Register, agreement, centre, place
from scoring.audio.audio import Audio, from_pcm
from scoring.audio.pitch import HOP, RATE, PitchTrack, quantiles, track
from scoring.judges.delivery import DeliveryJudge
from scoring.judges.judge import Utterance
from scoring.judges.recognition.whisper import HeardWord, Recogniser
from scoring.judges.word_timing import WordAligner, WordSpan, match_words, said_mask
from scoring.language.lattice import plainly
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


@pytest.mark.parametrize("attribute", list(EDGES))
def test_levels_follow_the_edges(attribute: Attribute) -> None:
    """Seven bins between rising edges: a level lies in the middle of its bin, an edge half way, and what is beyond at the end."""
    scale = EDGES[attribute]
    assert list(scale) == sorted(set(scale)) and len(scale) == LEVELS + 1
    assert [place(attribute, centre(attribute, asked)) for asked in range(LEVELS)] == pytest.approx(list(range(LEVELS)))
    assert [place(attribute, edge) for edge in scale] == pytest.approx([number - 0.5 for number in range(LEVELS + 1)])
    assert (place(attribute, scale[0] - 50), place(attribute, scale[-1] + 50)) == (-0.5, LEVELS - 0.5)


@pytest.mark.parametrize(
    ("asked", "found", "expected"),
    [
        pytest.param(3, 3.0, 1.0, id="equal"),
        pytest.param(1, 4.0, 0.5, id="half"),
        pytest.param(1, 1.6, 0.9, id="a little off"),
        pytest.param(6, 0.0, 0.0, id="opposite"),
        pytest.param(6, -0.5, 0.0, id="beyond"),
    ],
)
def test_agreement_falls_with_the_distance(asked: int, found: float, expected: float) -> None:
    """`1 - |asked - found| / 6`, and never less than 0."""
    assert agreement(asked, found) == pytest.approx(expected)


def test_measures_all_attributes(tone: Tone, ask: Callable[..., Utterance]) -> None:
    """A 100 Hz tone of 2 s for 'open the gate' (9 phonemes): 4.5 phonemes/s, the middle of a low voice, no spread, level from its power."""
    (metrics,) = JUDGE.measure([ask(tone(100.0), rate=0)])
    assert metrics["phoneme_rate"] == pytest.approx(9 / 2.0)
    assert metrics["f0_median"] == pytest.approx(100.0, rel=0.005)
    assert metrics["f0_height"] == pytest.approx(0.0, abs=0.1)
    assert metrics["f0_spread"] < 0.1
    assert metrics["lufs"] == pytest.approx(-16.5, abs=1.5)
    assert metrics["delivery"] == pytest.approx(1 - 0.5 / 6)  # slower than the slowest level's middle


@pytest.mark.parametrize(
    ("levels", "register", "expected"),
    [
        pytest.param({}, Register.LOW, 1.0, id="only the register: 100 Hz is the middle of a low voice"),
        pytest.param({}, Register.HIGH, 1 - 3.5 / 6, id="an octave too low for a high voice"),
        pytest.param({"pitch": 6}, Register.LOW, 0.5, id="asked higher"),
        pytest.param({"expression": 6}, Register.LOW, 0.0, id="pitch agrees, a monotone does not: the worst counts"),
        pytest.param({"expression": 0}, Register.LOW, 1 - 0.5 / 6, id="a monotone was asked"),
        pytest.param({"expression": 6}, None, 0.0, id="without a register pitch is not asked"),
        pytest.param({"loudness": 0}, Register.LOW, 1.0, id="one clip does not show what is loud for its voice"),
    ],
)
def test_agrees_with_what_was_asked(
    tone: Tone, ask: Callable[..., Utterance], levels: dict[str, int], register: Register | None, expected: float
) -> None:
    """The least over the register and every attribute that is out of the ordinary; an attribute without mention does not count."""
    (metrics,) = JUDGE.measure([ask(tone(100.0), register=register, **levels)])
    assert metrics["delivery"] == pytest.approx(expected, abs=0.02)
    assert ("f0_height" in metrics) is (register is not None)


def test_the_unit_is_the_semitone(ask: Callable[..., Utterance]) -> None:
    """A man and a woman an octave apart, whose pitch moves by as many semitones, are as expressive and as high as each other."""
    time = torch.arange(32_000, dtype=torch.float64) / RATE
    moves = 2.0 ** (0.2 * torch.sin(2 * math.pi * 2.0 * time))
    low, high = JUDGE.measure(
        [
            ask(Audio(voice_like(middle * moves).to(torch.float32), RATE), register=register)
            for middle, register in ((100.0, Register.LOW), (200.0, Register.HIGH))
        ]
    )
    assert low["f0_spread"] == pytest.approx(high["f0_spread"], rel=0.1)
    assert low["f0_height"] == pytest.approx(high["f0_height"], abs=1.0)
    assert low["f0_spread"] > 1.0


def test_what_asks_nothing_is_not_measured(tone: Tone, ask: Callable[..., Utterance]) -> None:
    """Plain reading names no register and nothing out of the ordinary; beside it, others are measured as ever."""
    plain, asked = JUDGE.measure([ask(tone(100.0), register=None), ask(tone(100.0))])
    assert plain == {}
    assert asked["delivery"] > 0.99


def test_a_voiceless_sound_has_finite_numbers(ask: Callable[..., Utterance]) -> None:
    """Noise has no pitch: zeros, not NaN."""
    hiss = Audio(torch.randn(32_000, generator=torch.Generator().manual_seed(5)) * 0.1, 16_000)
    (metrics,) = JUDGE.measure([ask(hiss)])
    assert (metrics["f0_median"], metrics["f0_height"], metrics["f0_spread"]) == (0.0, -24.0, 0.0)
    assert metrics["delivery"] == pytest.approx(1 - 3.5 / 6)


class Nowhere:
    """A finder that finds no word."""

    def find(self, utterance: Utterance) -> tuple[WordSpan, ...]:
        return ()


def test_a_clip_without_a_word_of_the_prompt_has_finite_numbers(tone: Tone, ask: Callable[..., Utterance]) -> None:
    """Who says none of them has neither rate nor pitch."""
    (found,) = DeliveryJudge(Nowhere()).measure([ask(tone(150.0))])
    assert all(math.isfinite(value) for value in found.values())
    assert (found["phoneme_rate"], found["f0_median"], found["f0_spread"]) == (0.0, 0.0, 0.0)


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
def listening() -> DeliveryJudge:
    """With the recogniser."""
    return DeliveryJudge(WordAligner(Recogniser()))


@pytest.mark.parametrize("name", [Manipulation.TONES, Manipulation.TRAILING_SILENCE])
def test_what_sounds_beside_the_words_has_no_rate_and_no_pitch(
    clear: tuple[str, Audio], listening: DeliveryJudge, ask: Callable[..., Utterance], name: Manipulation
) -> None:
    """A faint tone after the last word moves neither; only as sound that nobody asked for is it counted."""
    text, plain = clear
    before, after = listening.measure([ask(plain, text=text), ask(apply(name, plain), text=text)])
    assert after["phoneme_rate"] == pytest.approx(before["phoneme_rate"], rel=0.03)
    assert after["f0_median"] == pytest.approx(before["f0_median"], rel=0.02)
    assert after["f0_spread"] == pytest.approx(before["f0_spread"], abs=0.1)


def test_a_gliding_tone_under_the_speech_is_no_expression(
    clear: tuple[str, Audio], listening: DeliveryJudge, ask: Callable[..., Utterance]
) -> None:
    """18 dB below the loudest moment, 70 … 370 Hz: less than half a level of spread."""
    text, plain = clear
    before, after = listening.measure([ask(plain, text=text), ask(apply(Manipulation.GLIDE, plain), text=text)])
    assert after["f0_median"] == pytest.approx(before["f0_median"], rel=0.03)
    assert abs(place(Attribute.EXPRESSION, after["f0_spread"]) - place(Attribute.EXPRESSION, before["f0_spread"])) < 0.5
    assert float(f0(apply(Manipulation.GLIDE, plain)).std()) - float(f0(plain).std()) > 35.0


@pytest.mark.parametrize("hertz", [80.0, 168.0, 300.0])
def test_a_tone_under_the_words_is_no_pitch_of_theirs(
    clear: tuple[str, Audio], listening: DeliveryJudge, ask: Callable[..., Utterance], hertz: float
) -> None:
    """A sine 12 dB under the speech, which follows its envelope: less than a semitone of pitch, half a level of expression."""
    text, plain = clear
    envelope = torch.nn.functional.avg_pool1d(plain.samples.square()[None], 661, 1, 330)[0].sqrt()
    time = torch.arange(plain.samples.shape[0], dtype=torch.float64) / plain.rate
    sine = torch.sin(2 * math.pi * hertz * time).to(torch.float32) * envelope * 2**0.5 * 10 ** (-12 / 20)
    under = Audio((plain.samples + sine).clamp(-1.0, 1.0), plain.rate)
    before, after = listening.measure([ask(plain, text=text), ask(under, text=text)])
    assert after["f0_height"] == pytest.approx(before["f0_height"], abs=1.0)
    assert abs(place(Attribute.EXPRESSION, after["f0_spread"]) - place(Attribute.EXPRESSION, before["f0_spread"])) < 0.5


def test_words_are_matched_to_the_prompt() -> None:
    """Equal words were said, others stand in their place, added ones nowhere; nothing asked or heard has no place."""
    heard = [HeardWord(word, float(at), at + 1.0) for at, word in enumerate(["take", "the", "golden", "ring", "home", "again"])]
    assert match_words(plainly("take the silver ring home"), heard) == (
        WordSpan("take", 0.0, 1.0, True),
        WordSpan("the", 1.0, 2.0, True),
        WordSpan("silver", 2.0, 3.0, False),
        WordSpan("ring", 3.0, 4.0, True),
        WordSpan("home", 4.0, 5.0, True),
    )
    assert match_words((), heard) == match_words(plainly("a"), ()) == ()


def test_a_margin_belongs_to_a_word_unless_another_was_heard_there() -> None:
    """A tenth of a second before and after; instants of 0.1 s."""
    spans = [WordSpan("a", 0.2, 0.4, True), WordSpan("b", 0.4, 0.6, False), WordSpan("c", 0.8, 0.9, True)]
    assert said_mask(spans, 12, 10.0).nonzero()[:, 0].tolist() == [1, 2, 3, 7, 8, 9]
