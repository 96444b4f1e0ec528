"""The store of evidence as a folder; it is enough to judge every score again."""

import hashlib
import io
import json
import os
import uuid
from pathlib import Path

import numpy as np
import soundfile
from pydantic import ValidationError

from scoring.audio.spoken import Spoken
from scoring.competition import MOST_AUDIO_SECONDS, Competition
from scoring.errors import Code, InfrastructureFault, PlatformError
from scoring.receipts import receipt
from scoring.receipts.receipt import MAX_BYTES, ReceiptInvalid, Signed
from scoring.receipts.store import StoreLayout
from workers.sandbox.guest.frames import MAX_RATE

_MOST_SAMPLES = MOST_AUDIO_SECONDS * MAX_RATE
"""A file of a stranger's store may unpack to more than there is memory."""


class FolderStore:
    """An `AudioStore` in one folder, which the workers of a host or of a shared disk have in common."""

    def __init__(self, folder: Path) -> None:
        self._layout = StoreLayout(folder)

    def keep_audio(self, spoken: Spoken) -> None:
        """Write the sample as FLAC, unless its hash is kept already."""
        if not spoken.pcm:
            return
        path = self._layout.audio(hashlib.sha256(spoken.pcm).hexdigest())
        if not _is_kept(path):
            flac = io.BytesIO()
            soundfile.write(flac, np.frombuffer(spoken.pcm, dtype="<i2"), spoken.rate, format="FLAC", subtype="PCM_16")
            _write(path, flac.getvalue())

    def audio(self, pcm_sha256: str) -> tuple[bytes, int]:
        """Read a sample and compare it with its hash."""
        path = self._layout.audio(pcm_sha256)
        if not _is_kept(path):
            raise PlatformError(Code.AUDIO_MISSING, f"there is no audio {pcm_sha256} in {self._layout.folder}")
        try:
            with soundfile.SoundFile(path) as file:
                samples = file.read(_MOST_SAMPLES // file.channels, dtype="int16")
                rate = file.samplerate
        except (OSError, soundfile.SoundFileError) as exc:
            raise PlatformError(Code.AUDIO_INVALID, f"the audio {pcm_sha256} in {self._layout.folder} cannot be read") from exc
        pcm = samples.astype("<i2").tobytes()
        if hashlib.sha256(pcm).hexdigest() != pcm_sha256:
            raise PlatformError(Code.AUDIO_INVALID, f"the audio {pcm_sha256} in {self._layout.folder} was changed")
        return pcm, int(rate)

    def keep_evidence(self, signed: Signed, competition: Competition) -> Path:
        """Write the receipt and its rules, each under its hash."""
        rules = self._layout.competition(competition.hash)
        if not _is_kept(rules):
            _write(rules, competition.model_dump_json(indent=1).encode())
        path = self._layout.receipt(receipt.digest(signed.receipt))
        _write(path, json.dumps(signed.to_json(), indent=1, allow_nan=False).encode())
        return path

    def competition(self, competition_hash: str) -> Competition | None:
        """Read the rules and compare them with their hash."""
        path = self._layout.competition(competition_hash)
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


def read_receipt(path: Path) -> Signed:
    """Read the file that `keep_evidence` wrote.

    Raises PlatformError: ARGUMENT_INVALID for a file that cannot be read, RECEIPT_INVALID, also for a name that occurs twice.
    """
    try:
        with path.open("rb") as file:
            return Signed.from_bytes(file.read(MAX_BYTES + 1))
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"The receipt {path} cannot be read: {exc.strerror}.") from exc
    except ReceiptInvalid as exc:
        raise PlatformError(Code.RECEIPT_INVALID, f"{path}: {exc}") from exc


def _is_kept(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as exc:
        raise InfrastructureFault(Code.STORE_UNAVAILABLE, f"{path.parent} cannot be read ({exc.strerror})") from exc


def _write(path: Path, data: bytes) -> None:
    """Write all or nothing, under a name of its own first; the data is on the disk when it returns."""
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
