"""Audio and receipts, kept by the hash of what they hold: whoever has the store can judge every score again."""

import hashlib
import io
import json
import tempfile
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile

from scoring import receipt
from scoring.competition import Competition
from scoring.errors import Code, InfrastructureFault, PlatformError
from scoring.receipt import Signed
from scoring.spoken import Spoken


class AudioStore(Protocol):
    """Where evidence is kept; what is kept is never changed. A folder today."""

    def keep_audio(self, spoken: Spoken) -> None:
        """Keep a sample under the SHA-256 of its PCM; raises InfrastructureFault(STORE_UNAVAILABLE) when it cannot be written."""
        ...

    def audio(self, pcm_sha256: str) -> tuple[bytes, int]:
        """PCM (s16le, mono) and its rate in Hz; raises PlatformError(AUDIO_MISSING) where none has this hash."""
        ...

    def keep_evidence(self, signed: Signed, competition: Competition) -> Path:
        """Keep a signed receipt and the rules that it names; where the receipt lies. Raises as `keep_audio`."""
        ...


class FolderStore:
    """`audio/<2 digits>/<hash>.flac`, `receipts/<hash>.json` and `competitions/<hash>.json` below one folder, shared by workers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep_audio(self, spoken: Spoken) -> None:
        """As FLAC; a hash that is kept already is not written again."""
        digest = hashlib.sha256(spoken.pcm).hexdigest()
        path = self._audio(digest)
        if not path.exists():
            flac = io.BytesIO()
            soundfile.write(flac, np.frombuffer(spoken.pcm, dtype="<i2"), spoken.rate, format="FLAC", subtype="PCM_16")
            _write(path, flac.getvalue())

    def audio(self, pcm_sha256: str) -> tuple[bytes, int]:
        """Read back, and held against its hash."""
        try:
            samples, rate = soundfile.read(self._audio(pcm_sha256), dtype="int16")
        except (OSError, soundfile.SoundFileError) as exc:
            raise PlatformError(Code.AUDIO_MISSING, f"there is no audio {pcm_sha256} in {self._folder}") from exc
        pcm = samples.astype("<i2").tobytes()
        if hashlib.sha256(pcm).hexdigest() != pcm_sha256:
            raise PlatformError(Code.AUDIO_MISSING, f"the audio {pcm_sha256} in {self._folder} was changed")
        return pcm, int(rate)

    def keep_evidence(self, signed: Signed, competition: Competition) -> Path:
        """Both by their hashes."""
        rules = self._folder / "competitions" / f"{competition.hash}.json"
        if not rules.exists():
            _write(rules, competition.model_dump_json().encode())
        path = self._folder / "receipts" / f"{receipt.digest(signed.receipt)}.json"
        _write(path, json.dumps(signed.to_json(), indent=1, allow_nan=False).encode())
        return path

    def _audio(self, digest: str) -> Path:
        return self._folder / "audio" / digest[:2] / f"{digest}.flac"


def _write(path: Path, data: bytes) -> None:
    """All or nothing: under another name first."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
            file.write(data)
        Path(file.name).replace(path)
    except OSError as exc:
        raise InfrastructureFault(Code.STORE_UNAVAILABLE, f"{path.parent} cannot be written ({exc.strerror})") from exc
