"""Audio and receipts, kept by the hash of what they hold: whoever has the store can judge every score again."""

import hashlib
import io
import json
import os
import uuid
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
from pydantic import ValidationError

from scoring.audio.spoken import Spoken
from scoring.competition import MOST_AUDIO_SECONDS, Competition
from scoring.errors import Code, InfrastructureFault, PlatformError
from scoring.receipts import receipt
from scoring.receipts.receipt import MAX_BYTES, ReceiptInvalid, Signed
from scoring.receipts.store_layout import audio_path
from workers.sandbox.guest.frames import MAX_RATE

_MOST_SAMPLES = MOST_AUDIO_SECONDS * MAX_RATE
"""A file of a stranger's store may unpack to more than there is memory."""


class AudioStore(Protocol):
    """Where evidence is kept; what is kept is never changed. A folder today."""

    def keep_audio(self, spoken: Spoken) -> None:
        """Keep a sample under the SHA-256 of its PCM; raises InfrastructureFault(STORE_UNAVAILABLE) when it cannot be written.

        Of a sample without sound nothing is kept.
        """
        ...

    def audio(self, pcm_sha256: str) -> tuple[bytes, int]:
        """PCM (s16le, mono) and the rate in Hz that its file says; raises PlatformError(AUDIO_MISSING) where none has this hash.

        The hash binds the PCM alone: the rate that was judged is in the receipt.
        """
        ...

    def keep_evidence(self, signed: Signed, competition: Competition) -> Path:
        """Keep a signed receipt and the rules that it names; where the receipt lies. Raises as `keep_audio`."""
        ...

    def competition(self, competition_hash: str) -> Competition | None:
        """The rules of this hash, or None where they are not kept; raises PlatformError(COMPETITION_INVALID) for other content."""
        ...


class FolderStore:
    """`audio/<2 digits>/<hash>.flac`, `receipts/<hash>.json` and `competitions/<hash>.json` below one folder, shared by workers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep_audio(self, spoken: Spoken) -> None:
        """As FLAC; a hash that is kept already is not written again."""
        if not spoken.pcm:
            return
        path = audio_path(self._folder, hashlib.sha256(spoken.pcm).hexdigest())
        if not _is_kept(path):
            flac = io.BytesIO()
            soundfile.write(flac, np.frombuffer(spoken.pcm, dtype="<i2"), spoken.rate, format="FLAC", subtype="PCM_16")
            _write(path, flac.getvalue())

    def audio(self, pcm_sha256: str) -> tuple[bytes, int]:
        """Read back, and held against its hash."""
        path = audio_path(self._folder, pcm_sha256)
        if not _is_kept(path):
            raise PlatformError(Code.AUDIO_MISSING, f"there is no audio {pcm_sha256} in {self._folder}")
        try:
            with soundfile.SoundFile(path) as file:
                samples = file.read(_MOST_SAMPLES // file.channels, dtype="int16")
                rate = file.samplerate
        except (OSError, soundfile.SoundFileError) as exc:
            raise PlatformError(Code.AUDIO_INVALID, f"the audio {pcm_sha256} in {self._folder} cannot be read") from exc
        pcm = samples.astype("<i2").tobytes()
        if hashlib.sha256(pcm).hexdigest() != pcm_sha256:
            raise PlatformError(Code.AUDIO_INVALID, f"the audio {pcm_sha256} in {self._folder} was changed")
        return pcm, int(rate)

    def keep_evidence(self, signed: Signed, competition: Competition) -> Path:
        """Both by their hashes."""
        rules = self._rules(competition.hash)
        if not _is_kept(rules):
            _write(rules, competition.model_dump_json(indent=1).encode())
        path = self._folder / "receipts" / f"{receipt.digest(signed.receipt)}.json"
        _write(path, json.dumps(signed.to_json(), indent=1, allow_nan=False).encode())
        return path

    def competition(self, competition_hash: str) -> Competition | None:
        """Read back, and held against its hash."""
        path = self._rules(competition_hash)
        if not _is_kept(path):
            return None
        try:
            with path.open("rb") as file:
                found = Competition.model_validate_json(file.read(MAX_BYTES))
        except (OSError, ValidationError) as exc:
            raise PlatformError(Code.COMPETITION_INVALID, f"{path} holds no competition that this version can read") from exc
        if found.hash != competition_hash:
            raise PlatformError(Code.COMPETITION_INVALID, f"{path} holds the competition {found.hash}: it was changed")
        return found

    def _rules(self, digest: str) -> Path:
        return self._folder / "competitions" / f"{digest}.json"


def read_receipt(path: Path) -> Signed:
    """A receipt's file, as `keep_evidence` wrote it; raises PlatformError(RECEIPT_INVALID), also for a name that occurs twice."""
    try:
        with path.open("rb") as file:
            return Signed.from_bytes(file.read(MAX_BYTES + 1))
    except OSError as exc:
        raise PlatformError(Code.RECEIPT_INVALID, f"{path} cannot be read: {exc.strerror}") from exc
    except ReceiptInvalid as exc:
        raise PlatformError(Code.RECEIPT_INVALID, f"{path}: {exc}") from exc


def _is_kept(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as exc:
        raise InfrastructureFault(Code.STORE_UNAVAILABLE, f"{path.parent} cannot be read ({exc.strerror})") from exc


def _write(path: Path, data: bytes) -> None:
    """All or nothing, and on the disk before anybody counts on it: under a name of its own first."""
    part = path.with_name(f".new-{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as exc:
        raise InfrastructureFault(Code.STORE_UNAVAILABLE, f"{path.parent} cannot be written ({exc.strerror})") from exc
