"""The sounds of a store that a stranger filled: each is unpacked in the sandbox, by a decoder that can do nothing else."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from scoring.audio.kept_sound import SampleChanged
from scoring.competition import MOST_AUDIO_SECONDS
from scoring.errors import PlatformError
from workers.sandbox.decode_upload import decode


def kept_pcm_in_sandbox(flac: bytes, pcm_sha256: str, most_samples: int) -> tuple[bytes, int]:
    """What `kept_pcm` gives, and raises; besides, InfrastructureFault where this host's sandbox cannot be used."""
    try:
        with TemporaryDirectory(prefix="voice-sound-") as scratch:
            found = decode(Path(scratch), flac, float(MOST_AUDIO_SECONDS))
    except PlatformError as exc:
        raise SampleChanged(f"cannot be read: {exc.detail}") from exc
    if len(found.pcm) > 2 * most_samples or hashlib.sha256(found.pcm).hexdigest() != pcm_sha256:
        raise SampleChanged("was changed")
    return found.pcm, found.rate
