"""Delivery: obedience to the description. Each attribute is measured, put on its scale, and compared with the level asked."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from prompts.voices import MIDDLE_HZ, Attribute, Register, Voice, agreement, place
from scoring.audio.audio import FRAME_SECONDS, Audio, activity, trim
from scoring.audio.clip import RATE, Clip
from scoring.audio.pitch import PitchTrack, quantiles, track
from scoring.judges.judge import Utterance
from scoring.judges.recognition.dictionary import count_phonemes
from scoring.judges.word_timing import WordFinder, WordSpan, said_mask
from scoring.report import Metrics
from scoring.scores.aggregate import METRICS

NORMAL_RANGE = 2.563
"""Standard deviations from the 10th to the 90th percentile of a normal distribution."""
SHARED_HZ, SAME_PERIOD = 500.0, 0.06
"""A voice's sound above this frequency repeats itself with its pitch too, but for so large a share."""
VOICELESS = -24.0
"""Semitones: the pitch of a sound without a voiced frame, below every register."""


class DeliveryJudge:
    """Agreement of a voice with the one asked, over the words of the prompt: other sound has no rate and no pitch.

    A prompt that asks nothing of the voice has no metrics here.

    Metrics: `phoneme_rate` (phonemes per second of speech), `f0_median` (Hz over voiced frames by their power, 0 if none is voiced),
    `f0_height` (the same in semitones from the middle of the register asked, where one is) and `f0_spread` (semitones: the standard
    deviation of a normal distribution with the same 10th and 90th percentiles, for octave errors at creaks ruin the plain one);
    `lufs` (BS.1770, LUFS); `delivery`: the least agreement over the asked attributes, 0 … 1, more is better.
    """

    name = "delivery"
    version = "7"

    def __init__(self, finder: WordFinder) -> None:
        self._finder = finder

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Measures one utterance after the other; raises InfrastructureFault when the words cannot be looked for."""
        return [_measure(one, self._finder.find(one)) if one.prompt.voice.judged else {} for one in batch]


def _measure(utterance: Utterance, spans: Sequence[WordSpan]) -> Metrics:
    clip, voice = utterance.clip, utterance.prompt.voice
    words = [span.word for span in spans if span.said]
    low, middle, high = quantiles(pitch_of_all(words_only(clip, spans)), (0.1, 0.5, 0.9))
    metrics = {
        "phoneme_rate": count_phonemes(words) / word_seconds(clip, spans) if words else 0.0,
        "f0_median": middle,
        "f0_spread": semitones(low, high) / NORMAL_RANGE if low > 0.0 else 0.0,
        "lufs": clip.lufs,
    }
    if voice.register is not None:
        metrics["f0_height"] = height(middle, voice.register)
    return {**metrics, "delivery": obedience(voice, metrics)}


def obedience(voice: Voice, metrics: Metrics) -> float:
    """The least agreement of what was measured with what was asked, 0 … 1, more is better: who follows one word and not the other
    has not done what the description says.

    Loudness is no part of it: one clip does not show what is loud for its voice. A pair does, by how far its sides lie apart.

    >>> obedience(Voice(rate=1, expression=5), {"phoneme_rate": 8.0, "f0_spread": 2.3})  # as slow as asked, two levels too flat
    0.6666666666666667
    """
    measured = [attribute for attribute in voice.judged if attribute is not Attribute.LOUDNESS]
    return min((agreement(voice.level(a), place(a, metrics[METRICS[a]])) for a in measured), default=1.0)


def pitch_of_all(audio: Audio) -> PitchTrack:
    """Pitch of the frames whose sound above 500 Hz has the same period, within 6 %; the others count as unvoiced.

    Whoever adds a tone under the words gives them no pitch of his choice: it is not in the rest of the sound.

    >>> time = torch.arange(16_000) / RATE
    >>> tone, buzz = (sum(torch.sin(2 * math.pi * 150.0 * k * time) / k for k in range(1, n)) for n in (2, 9))
    >>> [int(pitch_of_all(Audio(0.1 * wave, RATE)).voiced.sum()) for wave in (tone, buzz)]
    [0, 96]
    """
    found, above = track(audio), track(_above(audio, SHARED_HZ))
    apart = (found.hertz / above.hertz.clamp(min=1.0) - 1.0).abs()
    shared = found.voiced & above.voiced & (apart < SAME_PERIOD)
    return replace(found, hertz=torch.where(shared, found.hertz, 0.0))


def _above(audio: Audio, hertz: float) -> Audio:
    """The sound above a frequency, with a ramp of 40 % of it around it; of no sound (where no word was said) there is none."""
    if audio.samples.shape[0] == 0:
        return audio
    spectrum = torch.fft.rfft(audio.samples.to(torch.float64))
    frequency = torch.arange(spectrum.shape[0], dtype=torch.float64) * (audio.rate / audio.samples.shape[0])
    gain = ((frequency / hertz - 0.8) / 0.4).clamp(0.0, 1.0)
    return Audio(torch.fft.irfft(spectrum * gain, n=audio.samples.shape[0]).to(torch.float32), audio.rate)


def semitones(low: float, high: float) -> float:
    """`12 log2(high / low)`, between two frequencies above 0.

    >>> semitones(110.0, 220.0)
    12.0
    """
    return 12.0 * math.log2(high / low)


def height(hertz: float, register: Register) -> float:
    """Semitones above the middle of a register, less than 0 below it.

    >>> height(200.0, Register.LOW), height(0.0, Register.LOW)
    (12.0, -24.0)
    """
    return semitones(MIDDLE_HZ[register], hertz) if hertz > 0.0 else VOICELESS


def words_only(clip: Clip, spans: Sequence[WordSpan]) -> Audio:
    """The clip with silence wherever no word is said, at the judges' rate, from the first word to the last."""
    heard = clip.at(RATE)
    said = said_mask(spans, heard.samples.shape[0], RATE)
    return trim(Audio(torch.where(said, heard.samples, 0.0), RATE), clip.floor)


def word_seconds(clip: Clip, spans: Sequence[WordSpan]) -> float:
    """Time of speech under the words that were said; at least one frame."""
    active = activity(clip.at(RATE), clip.floor)
    return max(1, int((active & said_mask(spans, active.shape[0], 1.0 / FRAME_SECONDS)).sum())) * FRAME_SECONDS
