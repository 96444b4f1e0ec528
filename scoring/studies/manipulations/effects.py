"""The effects of manipulations: pure functions from sound to sound.

In this order they change time (pieces repeated, cut off, moved, pushed apart), the spectrum, single samples, what is heard beside the
speech, and the voice. Levels of added sound are relative to the speech's own power. Randomness depends on the sound alone.
"""

import hashlib
import math
from collections.abc import Callable

import torch
import torchaudio.functional as F  # noqa: N812  (the name its own documentation uses)

from scoring.audio.audio import FRAME_SECONDS, Audio, activity, resample, to_pcm

CHUNK_SECONDS = 0.12
PHRASE_SHARE = 4
"""The phrase that is repeated is this fraction of the clip."""
SLOPE = 0.05
"""A low-pass falls from 1 to 0 over this share of its cut-off frequency."""
TREBLE = 10.0 ** (-50.0 / 20.0)
GATE_SDS = 1.5
"""The gate keeps cells this many standard deviations (of dB over time) above a frequency's own mean."""
GATE_SMOOTH = 5
"""Frames and bins over which the gate opens and closes."""
MU_LAW_CHANNELS = 256
PEAK_EVERY = 1000
HUM_BELOW_DB = 15.0
HUM_OVERTONES = 5
AFTER_HZ = 150.0
GLIDE_HZ, GLIDE_SPAN_HZ, GLIDES = 220.0, 150.0, 0.7
"""The gliding tone's middle, how far it goes to either side, and how often in a second."""
DECAY_SECONDS = 1.0
"""A hall's reverberation time: the tail fades by 60 dB in it."""
FFT, HOP = 1024, 256
STEPS = 1000
"""Pitch factors are resampled as fractions of this denominator."""
ECHO_SECONDS, ECHO_STRENGTH = 0.15, 0.5
COMB_SECONDS, COMB_STRENGTH = 0.002, 0.8
"""A ripple of 19 dB with a trough in every 500 Hz."""
PIVOT_HZ, LEAST_TILT_HZ = 1000.0, 60.0
"""A tilt leaves the first as it is, and bends no further below the second."""
NOTCH_HZ, NOTCH_DB, NOTCH_OCTAVES = 2000.0, -22.0, 0.5
"""The middle of a notch, its depth there, and how far it reaches to either side."""


def repeat(audio: Audio) -> Audio:
    """The clip, and the clip again."""
    return Audio(audio.samples.repeat(2), audio.rate)


def first_half(audio: Audio) -> Audio:
    """The part before the middle, one sample at least."""
    return Audio(audio.samples[: -(-audio.samples.shape[0] // 2)], audio.rate)


def phrase_repeated(audio: Audio) -> Audio:
    """The first quarter again and again, until the clip is as long as before."""
    length = audio.samples.shape[0]
    phrase = audio.samples[: -(-length // PHRASE_SHARE)]
    return Audio(phrase.repeat(PHRASE_SHARE)[:length], audio.rate)


def babble(audio: Audio) -> Audio:
    """The clip, then its first half backwards: the sound of speech without words."""
    return Audio(torch.cat([audio.samples, first_half(audio).samples.flip(0)]), audio.rate)


def reverse(audio: Audio) -> Audio:
    """The clip backwards."""
    return Audio(audio.samples.flip(0), audio.rate)


def shuffle(audio: Audio) -> Audio:
    """Chunks of 120 ms in an order drawn from the clip's content."""
    chunks = torch.split(audio.samples, max(1, round(CHUNK_SECONDS * audio.rate)))
    chosen = torch.randperm(len(chunks), generator=_generator(audio)).tolist()
    return Audio(torch.cat([chunks[index] for index in chosen]), audio.rate)


def leading_silence(audio: Audio, seconds: float) -> Audio:
    """Silence before the clip."""
    return Audio(torch.cat([_quiet(audio, seconds), audio.samples]), audio.rate)


def mid_silence(audio: Audio, seconds: float) -> Audio:
    """Silence in the middle of the clip, wherever that is in its words."""
    half = audio.samples.shape[0] // 2
    return Audio(torch.cat([audio.samples[:half], _quiet(audio, seconds), audio.samples[half:]]), audio.rate)


def trailing_silence(audio: Audio, seconds: float) -> Audio:
    """Silence after the clip."""
    return Audio(torch.cat([audio.samples, _quiet(audio, seconds)]), audio.rate)


def _quiet(audio: Audio, seconds: float) -> torch.Tensor:
    return torch.zeros(round(seconds * audio.rate))


def filtered(audio: Audio, gain: Callable[[torch.Tensor], torch.Tensor]) -> Audio:
    """Each frequency multiplied by a real gain: `gain` takes Hz and gives factors, both float64 [bins]."""
    size = audio.samples.shape[0]
    spectrum = torch.fft.rfft(audio.samples.to(torch.float64))
    frequency = torch.fft.rfftfreq(size, 1.0 / audio.rate, dtype=torch.float64)
    return Audio(torch.fft.irfft(spectrum * gain(frequency), n=size).to(torch.float32), audio.rate)


def low_pass(audio: Audio, hertz: float) -> Audio:
    """Nothing above `hertz`, everything below; the transition is a raised cosine just below it."""
    return filtered(
        audio, lambda frequency: 0.5 - 0.5 * torch.cos(torch.pi * ((hertz - frequency) / (SLOPE * hertz)).clamp(0.0, 1.0))
    )


def tilt(audio: Audio, slope: float) -> Audio:
    """The whole spectrum leant by `slope` dB per octave around 1 kHz, and as strong as before."""
    leant = filtered(
        audio, lambda frequency: (frequency.clamp(min=LEAST_TILT_HZ) / PIVOT_HZ) ** (slope / (20.0 * math.log10(2.0)))
    )
    strength = torch.sqrt(audio.samples.square().mean() / leant.samples.square().mean().clamp(min=1e-12))
    return Audio(leant.samples * strength, audio.rate)


def notch(audio: Audio) -> Audio:
    """22 dB missing at 2 kHz, fading out within half an octave to either side."""

    def gain(frequency: torch.Tensor) -> torch.Tensor:
        octaves = torch.log2(frequency.clamp(min=1.0) / NOTCH_HZ).abs()
        return 10.0 ** (NOTCH_DB / 20.0 * (0.5 + 0.5 * torch.cos(torch.pi * (octaves / NOTCH_OCTAVES).clamp(max=1.0))))

    return filtered(audio, gain)


def echo(audio: Audio, seconds: float, strength: float) -> Audio:
    """The clip, and itself again `seconds` later, `strength` times as strong; the end of the echo is kept."""
    delay = round(seconds * audio.rate)
    later = torch.nn.functional.pad(audio.samples, (delay, 0))
    return Audio(torch.nn.functional.pad(audio.samples, (0, delay)) + strength * later, audio.rate)


def hidden_low_pass(audio: Audio, hertz: float) -> Audio:
    """Nothing above `hertz` but a hiss, 50 dB below full scale: as if there were treble."""
    white = torch.randn(audio.samples.shape[0], generator=_generator(audio)) * TREBLE
    treble = white - low_pass(Audio(white, audio.rate), hertz).samples
    return Audio(low_pass(audio, hertz).samples + treble, audio.rate)


def upsampled(audio: Audio, source: int) -> Audio:
    """The clip through a rate of `source` Hz, offered at the clip's own rate or at twice `source`, whichever is more."""
    return resample(resample(audio, source), max(audio.rate, 2 * source))


def gate(audio: Audio) -> Audio:
    """Spectral gating: each bin is shut unless it is loud for its frequency, which leaves holes and chirps in the voice."""
    window = torch.hann_window(FFT)
    size = audio.samples.shape[0]
    padded = torch.nn.functional.pad(audio.samples, (0, max(0, FFT - size)))
    spectrum = torch.stft(padded, FFT, window=window, return_complex=True, center=True, pad_mode="constant")
    decibels = F.amplitude_to_DB(spectrum.abs(), 20.0, 1e-10, 0.0, top_db=80.0)
    threshold = decibels.mean(dim=1, keepdim=True) + GATE_SDS * decibels.std(dim=1, keepdim=True)
    opened = (decibels > threshold).to(torch.float32)[None, None]
    smooth = torch.nn.functional.avg_pool2d(opened, GATE_SMOOTH, stride=1, padding=GATE_SMOOTH // 2)[0, 0]
    return Audio(torch.istft(spectrum * smooth, FFT, window=window, length=padded.shape[0])[:size], audio.rate)


def gain(audio: Audio, decibels: float) -> Audio:
    """Amplify or weaken; the caller cuts off samples beyond full scale."""
    return Audio(audio.samples * 10.0 ** (decibels / 20.0), audio.rate)


def clip(audio: Audio, decibels: float) -> Audio:
    """Brought to full scale, then `decibels` beyond it, cut off at full scale."""
    peak = float(audio.samples.abs().max())
    if peak == 0.0:
        return audio
    return Audio(gain(Audio(audio.samples / peak, audio.rate), decibels).samples.clamp(-1.0, 1.0), audio.rate)


def clip_under_peaks(audio: Audio, decibels: float) -> Audio:
    """Clipped, at half of full scale; now and then a single sample stands out to twice that, so that a search for flat tops
    at the peak finds none."""
    flat = clip(audio, decibels).samples / 2.0
    flat[::PEAK_EVERY] = flat[::PEAK_EVERY].sign()
    return Audio(flat, audio.rate)


def mu_law(audio: Audio) -> Audio:
    """Through 8-bit mu-law, as on an old telephone line, at the clip's own rate."""
    coded = F.mu_law_encoding(audio.samples, MU_LAW_CHANNELS)
    decoded: torch.Tensor = F.mu_law_decoding(coded, MU_LAW_CHANNELS)
    return Audio(decoded, audio.rate)


def dc_offset(audio: Audio, offset: float) -> Audio:
    """Every sample shifted by the same amount."""
    return Audio(audio.samples + offset, audio.rate)


def silence(audio: Audio) -> Audio:
    """Nothing, for as long."""
    return Audio(torch.zeros_like(audio.samples), audio.rate)


def tone(audio: Audio, hertz: float) -> Audio:
    """A sine of the speech's power, for as long."""
    wave = torch.sin(2.0 * math.pi * hertz * _time(audio))
    return Audio((wave * math.sqrt(2.0 * speech_power(audio))).to(torch.float32), audio.rate)


def noise(audio: Audio, snr: float) -> Audio:
    """White Gaussian noise, `snr` dB below the speech."""
    white = torch.randn(audio.samples.shape[0], generator=_generator(audio))
    return Audio(audio.samples + white * math.sqrt(speech_power(audio) * 10.0 ** (-snr / 10.0)), audio.rate)


def hum(audio: Audio, hertz: float) -> Audio:
    """The mains: a tone and its overtones, each weaker than the one before, together 15 dB below the speech."""
    waves = torch.stack([torch.sin(2.0 * math.pi * k * hertz * _time(audio)) / k for k in range(1, HUM_OVERTONES + 1)]).sum(dim=0)
    power = speech_power(audio) * 10.0 ** (-HUM_BELOW_DB / 10.0)
    scaled = waves * torch.sqrt(power / waves.square().mean().clamp(min=1e-12))
    return Audio(audio.samples + scaled.to(torch.float32), audio.rate)


def tones(audio: Audio, seconds: float, below: float) -> Audio:
    """A faint tone after the last word, `below` dB under the loudest moment: taken for speech, it makes a voice slower and lower."""
    time = torch.arange(round(seconds * audio.rate), dtype=torch.float64) / audio.rate
    wave = torch.sin(2.0 * math.pi * AFTER_HZ * time) * (loudest(audio) * math.sqrt(2.0) * 10.0 ** (-below / 20.0))
    return Audio(torch.cat([audio.samples, wave.to(torch.float32)]), audio.rate)


def glide(audio: Audio, below: float) -> Audio:
    """A tone that rises and falls under all of the clip, `below` dB under its loudest moment: a lively pitch for any voice."""
    time = _time(audio)
    phase = (
        2.0 * math.pi * (GLIDE_HZ * time - GLIDE_SPAN_HZ / (2.0 * math.pi * GLIDES) * torch.cos(2.0 * math.pi * GLIDES * time))
    )
    wave = torch.sin(phase) * (loudest(audio) * math.sqrt(2.0) * 10.0 ** (-below / 20.0))
    return Audio(audio.samples + wave.to(torch.float32), audio.rate)


def loudest(audio: Audio) -> float:
    """Root mean square of the loudest 20 ms."""
    frame = round(FRAME_SECONDS * audio.rate)
    padded = torch.nn.functional.pad(audio.samples, (0, -audio.samples.shape[0] % frame))
    return float(padded.reshape(-1, frame).to(torch.float64).square().mean(dim=1).max().sqrt())


def reverberate(audio: Audio) -> Audio:
    """The clip in a hall: convolved with a decaying noise whose energy equals the direct sound's; the tail is kept."""
    length = round(DECAY_SECONDS * audio.rate)
    time = torch.arange(length, dtype=torch.float64) / audio.rate
    tail = torch.randn(length, generator=_generator(audio), dtype=torch.float64) * 10.0 ** (-3.0 * time / DECAY_SECONDS)
    room = tail / tail.square().sum().sqrt()
    room[0] += 1.0
    size = audio.samples.shape[0] + length - 1
    spectrum = torch.fft.rfft(audio.samples.to(torch.float64), n=size) * torch.fft.rfft(room, n=size)
    return Audio(torch.fft.irfft(spectrum, n=size).to(torch.float32), audio.rate)


def speech_power(audio: Audio) -> float:
    """Mean square over the frames that hold speech; over the whole clip if none does."""
    active = activity(audio)
    per_sample = active.repeat_interleave(round(FRAME_SECONDS * audio.rate))[: audio.samples.shape[0]]
    chosen = audio.samples[per_sample] if bool(per_sample.any()) else audio.samples
    return float(chosen.to(torch.float64).square().mean())


def _time(audio: Audio) -> torch.Tensor:
    """Seconds since the start of each sample: float64 [n]."""
    return torch.arange(audio.samples.shape[0], dtype=torch.float64) / audio.rate


def stretch(audio: Audio, speed: float) -> Audio:
    """`speed` times as fast at the same pitch."""
    length = round(audio.samples.shape[0] / speed)
    window = torch.hann_window(FFT)
    padded = torch.nn.functional.pad(audio.samples, (0, max(0, FFT - audio.samples.shape[0])))
    spectrum = torch.stft(padded, FFT, HOP, window=window, return_complex=True, pad_mode="constant")
    advance = torch.linspace(0.0, math.pi * HOP, FFT // 2 + 1)[:, None]
    faster = F.phase_vocoder(spectrum, speed, advance)
    return Audio(torch.istft(faster, FFT, HOP, window=window, length=length), audio.rate)


def shift_pitch(audio: Audio, semitones: float) -> Audio:
    """Higher or lower with the same length: stretched, then played faster or slower."""
    factor = 2.0 ** (semitones / 12.0)
    slower = stretch(audio, 1.0 / factor)
    played = resample(Audio(slower.samples, round(STEPS * factor)), STEPS)
    length = audio.samples.shape[0]
    fitted = torch.nn.functional.pad(played.samples, (0, max(0, length - played.samples.shape[0])))[:length]
    return Audio(fitted, audio.rate)


def _generator(audio: Audio) -> torch.Generator:
    """A stream of random numbers seeded by the sound's rate and samples (as 16-bit integers, so that a copy on disk has the same)."""
    seed = hashlib.sha256(audio.rate.to_bytes(4, "big") + to_pcm(audio)).digest()
    return torch.Generator().manual_seed(int.from_bytes(seed[:8], "big") >> 1)
