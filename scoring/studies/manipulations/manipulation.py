"""The closed list of manipulations, and the one way to apply them: to sound, or from file to file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

import soundfile
import torch

from scoring.audio.audio import Audio, from_file, to_pcm
from scoring.errors import Code, PlatformError
from scoring.studies.manipulations import effects


class Manipulation(StrEnum):
    """A manipulation's public name."""

    REPEAT = "repeat"
    FIRST_HALF = "first-half"
    PHRASE_REPEATED = "phrase-repeated"
    BABBLE = "babble"
    REVERSED = "reversed"
    SHUFFLED = "shuffled"
    LEADING_SILENCE = "leading-silence"
    MID_SILENCE = "mid-silence"
    TRAILING_SILENCE = "trailing-silence"
    SILENCE = "silence"
    TONE = "tone"
    BELOW_3400 = "low-pass-3400"
    HIDDEN_3400 = "low-pass-3400-hiss"
    BELOW_7500 = "low-pass-7500"
    UPSAMPLED_8K = "upsampled-8k"
    UPSAMPLED_16K = "upsampled-16k"
    GATED = "gated"
    QUIET = "quiet"
    CLIPPED = "clipped"
    CLIPPED_PEAKS = "clipped-peaks"
    MU_LAW = "mu-law"
    DC_OFFSET = "dc-offset"
    NOISE_40 = "noise-40"
    NOISE_35 = "noise-35"
    NOISE_25 = "noise-25"
    NOISE_20 = "noise-20"
    NOISE_10 = "noise-10"
    NOISE_0 = "noise-0"
    HUM_50 = "hum-50"
    HUM_60 = "hum-60"
    TONES = "tones"
    GLIDE = "glide"
    REVERBERATION = "reverberation"
    ECHO = "echo"
    COMB = "comb"
    NOTCH = "notch"
    TILT_UP = "tilt-up"
    TILT_DOWN = "tilt-down"
    PITCH_UP = "pitch-up"
    PITCH_DOWN = "pitch-down"
    FAST = "fast"


@dataclass(frozen=True, slots=True)
class ManipulationSpec:
    """A manipulation: its effect in words, and the pure function that has it."""

    meaning: str
    change: Callable[[Audio], Audio]


M = Manipulation
ENTRIES: Mapping[Manipulation, ManipulationSpec] = {
    M.REPEAT: ManipulationSpec("the whole clip twice", effects.repeat),
    M.FIRST_HALF: ManipulationSpec("the second half cut off", effects.first_half),
    M.PHRASE_REPEATED: ManipulationSpec("the first quarter, four times over", effects.phrase_repeated),
    M.BABBLE: ManipulationSpec("the first half again after the end, backwards", effects.babble),
    M.REVERSED: ManipulationSpec("backwards", effects.reverse),
    M.SHUFFLED: ManipulationSpec("chunks of 120 ms in another order", effects.shuffle),
    M.LEADING_SILENCE: ManipulationSpec("3 s of silence before", partial(effects.leading_silence, seconds=3.0)),
    M.MID_SILENCE: ManipulationSpec("2 s of silence in the middle", partial(effects.mid_silence, seconds=2.0)),
    M.TRAILING_SILENCE: ManipulationSpec("3 s of silence after", partial(effects.trailing_silence, seconds=3.0)),
    M.SILENCE: ManipulationSpec("as long, and all silent", effects.silence),
    M.TONE: ManipulationSpec("as long and as strong, and all a tone of 220 Hz", partial(effects.tone, hertz=220.0)),
    M.BELOW_3400: ManipulationSpec("nothing above 3.4 kHz", partial(effects.low_pass, hertz=3400.0)),
    M.HIDDEN_3400: ManipulationSpec("nothing above 3.4 kHz but a faint hiss", partial(effects.hidden_low_pass, hertz=3400.0)),
    M.BELOW_7500: ManipulationSpec("nothing above 7.5 kHz", partial(effects.low_pass, hertz=7500.0)),
    M.UPSAMPLED_8K: ManipulationSpec("through 8 kHz, offered at 16 kHz or more", partial(effects.upsampled, source=8_000)),
    M.UPSAMPLED_16K: ManipulationSpec("through 16 kHz, offered at 32 kHz or more", partial(effects.upsampled, source=16_000)),
    M.GATED: ManipulationSpec("a noise gate per frequency, set far too high", effects.gate),
    M.QUIET: ManipulationSpec("20 dB weaker", partial(effects.gain, decibels=-20.0)),
    M.CLIPPED: ManipulationSpec("12 dB beyond full scale, cut off there", partial(effects.clip, decibels=12.0)),
    M.CLIPPED_PEAKS: ManipulationSpec(
        "the same, and single samples that stand out", partial(effects.clip_under_peaks, decibels=12.0)
    ),
    M.MU_LAW: ManipulationSpec("8 bits per sample by the mu-law", effects.mu_law),
    M.DC_OFFSET: ManipulationSpec("shifted by a tenth of full scale", partial(effects.dc_offset, offset=0.1)),
    M.NOISE_40: ManipulationSpec("white noise 40 dB below the speech", partial(effects.noise, snr=40.0)),
    M.NOISE_35: ManipulationSpec("white noise 35 dB below the speech", partial(effects.noise, snr=35.0)),
    M.NOISE_25: ManipulationSpec("white noise 25 dB below the speech", partial(effects.noise, snr=25.0)),
    M.NOISE_20: ManipulationSpec("white noise 20 dB below the speech", partial(effects.noise, snr=20.0)),
    M.NOISE_10: ManipulationSpec("white noise 10 dB below the speech", partial(effects.noise, snr=10.0)),
    M.NOISE_0: ManipulationSpec("white noise as strong as the speech", partial(effects.noise, snr=0.0)),
    M.HUM_50: ManipulationSpec("hum of 50 Hz and its overtones, 15 dB below the speech", partial(effects.hum, hertz=50.0)),
    M.HUM_60: ManipulationSpec("hum of 60 Hz and its overtones, 15 dB below the speech", partial(effects.hum, hertz=60.0)),
    M.TONES: ManipulationSpec("a faint tone for 3 s after the last word", partial(effects.tones, seconds=3.0, below=24.0)),
    M.GLIDE: ManipulationSpec(
        "a gliding tone under all of it, 18 dB below the loudest moment", partial(effects.glide, below=18.0)
    ),
    M.REVERBERATION: ManipulationSpec("a hall: 1 s to fade by 60 dB, as strong as the voice itself", effects.reverberate),
    M.ECHO: ManipulationSpec(
        "an echo: the clip again 150 ms later, half as strong",
        partial(effects.echo, seconds=effects.ECHO_SECONDS, strength=effects.ECHO_STRENGTH),
    ),
    M.COMB: ManipulationSpec(
        "a comb: the clip again 2 ms later, nearly as strong",
        partial(effects.echo, seconds=effects.COMB_SECONDS, strength=effects.COMB_STRENGTH),
    ),
    M.NOTCH: ManipulationSpec("22 dB missing at 2 kHz, half an octave to either side", effects.notch),
    M.TILT_UP: ManipulationSpec("treble lifted by 6 dB per octave", partial(effects.tilt, slope=6.0)),
    M.TILT_DOWN: ManipulationSpec("treble weakened by 6 dB per octave", partial(effects.tilt, slope=-6.0)),
    M.PITCH_UP: ManipulationSpec("three semitones higher, as long as before", partial(effects.shift_pitch, semitones=3.0)),
    M.PITCH_DOWN: ManipulationSpec("three semitones lower, as long as before", partial(effects.shift_pitch, semitones=-3.0)),
    M.FAST: ManipulationSpec("1.5 times as fast, at the same pitch", partial(effects.stretch, speed=1.5)),
}


def apply(name: Manipulation, audio: Audio) -> Audio:
    """The manipulated sound, float32 in [-1, 1]; the same samples give the same result. An empty sound stays as it is."""
    if audio.samples.shape[0] == 0:
        return audio
    changed = ENTRIES[name].change(audio)
    return Audio(changed.samples.clamp(-1.0, 1.0), changed.rate)


def manipulate(name: Manipulation, source: Path, target: Path) -> Audio:
    """Write the manipulated sound as mono WAV and return it.

    Raises PlatformError(AUDIO_INVALID) for a source that is no sound, and with the same code for a target that cannot be written.
    """
    changed = apply(name, from_file(source))
    write(changed, target)
    return changed


def write(audio: Audio, target: Path) -> None:
    """A 16-bit mono WAV; raises PlatformError(AUDIO_INVALID) if it cannot be written."""
    samples = torch.frombuffer(bytearray(to_pcm(audio)), dtype=torch.int16)
    try:
        soundfile.write(target, samples.numpy(), audio.rate, subtype="PCM_16", format="WAV")
    except (soundfile.LibsndfileError, OSError) as exc:
        raise PlatformError(Code.AUDIO_INVALID, f"{target} cannot be written") from exc
