"""The sound in a file of the store, as far as it is the one that the file's name says."""

import hashlib
import io

import soundfile


class SampleChanged(ValueError):
    """A kept file holds another sound than its name says, or none; it says which, to stand behind the file's name."""


def kept_pcm(flac: bytes, pcm_sha256: str, most_samples: int) -> tuple[bytes, int]:
    """PCM (s16le, mono) of a kept FLAC file, and its rate in Hz; raises SampleChanged unless the PCM hashes to `pcm_sha256`.

    `most_samples` bounds what is unpacked: a file of a stranger's store may hold more than there is memory.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(flac)) as file:
            samples = file.read(most_samples // file.channels, dtype="int16")
            rate = int(file.samplerate)
    except soundfile.SoundFileError as exc:
        raise SampleChanged("cannot be read") from exc
    pcm: bytes = samples.astype("<i2").tobytes()
    if hashlib.sha256(pcm).hexdigest() != pcm_sha256:
        raise SampleChanged("was changed")
    return pcm, rate
