"""The store of evidence: sounds, receipts and the rules they name; it is enough to judge every score again."""

import hashlib
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import soundfile
from pydantic import ValidationError

from scoring.audio.kept_sound import SampleChanged, kept_pcm
from scoring.audio.spoken import Spoken
from scoring.competition import MOST_AUDIO_SECONDS, Competition
from scoring.errors import Code, PlatformError
from scoring.receipts import receipt
from scoring.receipts.receipt import MAX_BYTES, ReceiptInvalid, Signed
from scoring.receipts.store import audio_name, competition_name, receipt_name
from scoring.store.files import NotStored, StoredFiles
from scoring.store.retention import FRESH
from workers.sandbox.guest.frames import MAX_RATE

_MOST_SAMPLES = MOST_AUDIO_SECONDS * MAX_RATE
_DIGEST = re.compile("[0-9a-f]{64}")
Unpack = Callable[[bytes, str, int], tuple[bytes, int]]
"""A kept file, its PCM's hash, and the most samples → PCM and rate, as `kept_pcm`, which raises SampleChanged."""


class EvidenceStore:
    """An `AudioStore` over the files of a folder or of S3-compatible storage, which the workers of a network have in common."""

    def __init__(self, files: StoredFiles, unpack: Unpack = kept_pcm) -> None:
        self._files, self._unpack = files, unpack

    def keep_audio(self, spoken: Spoken) -> None:
        """Write the sample as FLAC, unless its hash was kept a moment ago.

        One that was kept longer ago is written again: whoever clears old sounds away then sees that this one is spoken of.
        """
        if not spoken.pcm:
            return
        name = audio_name(hashlib.sha256(spoken.pcm).hexdigest())
        kept = self._files.look(name)
        if kept is None or datetime.now(UTC) - kept.written > FRESH:
            flac = io.BytesIO()
            soundfile.write(flac, np.frombuffer(spoken.pcm, dtype="<i2"), spoken.rate, format="FLAC", subtype="PCM_16")
            self._files.write(name, flac.getvalue())

    def audio(self, pcm_sha256: str) -> tuple[bytes, int]:
        """Read a sample and compare it with its hash."""
        if not _DIGEST.fullmatch(pcm_sha256):
            raise PlatformError(Code.AUDIO_MISSING, f"there is no audio {pcm_sha256!r}: a hash has 64 hex digits")
        try:
            flac = self._files.read(audio_name(pcm_sha256))
        except NotStored as exc:
            raise PlatformError(Code.AUDIO_MISSING, f"there is no audio {pcm_sha256} in {self._files}") from exc
        try:
            return self._unpack(flac, pcm_sha256, _MOST_SAMPLES)
        except SampleChanged as exc:
            raise PlatformError(Code.AUDIO_DAMAGED, f"the audio {pcm_sha256} in {self._files} {exc}") from exc

    def keep_evidence(self, signed: Signed, competition: Competition) -> str:
        """Write the receipt and its rules, each under its hash; the name of the receipt's file."""
        rules = competition_name(competition.hash)
        if self._files.look(rules) is None:
            self._files.write(rules, competition.model_dump_json(indent=1).encode())
        name = receipt_name(receipt.digest(signed.receipt))
        self._files.write(name, json.dumps(signed.to_json(), indent=1, allow_nan=False).encode())
        return name

    def receipt(self, receipt_hash: str) -> Signed:
        """A kept receipt; raises PlatformError: ARGUMENT_INVALID where none has this hash, RECEIPT_INVALID."""
        name = receipt_name(receipt_hash)
        try:
            return _signed(self._files.read(name, MAX_BYTES + 1), name)
        except NotStored as exc:
            raise PlatformError(Code.ARGUMENT_INVALID, f"There is no receipt {receipt_hash} in {self._files}.") from exc

    def competition(self, competition_hash: str) -> Competition | None:
        """Read the rules and compare them with their hash."""
        name = competition_name(competition_hash)
        try:
            found = Competition.model_validate_json(self._files.read(name, MAX_BYTES))
        except NotStored:
            return None
        except ValidationError as exc:
            why = f"{name} in {self._files} holds no competition that this version can read"
            raise PlatformError(Code.COMPETITION_INVALID, why) from exc
        if found.hash != competition_hash:
            raise PlatformError(
                Code.COMPETITION_INVALID, f"{name} in {self._files} holds the competition {found.hash}: it was changed"
            )
        return found


def read_receipt(path: Path) -> Signed:
    """Read the file of a receipt.

    Raises PlatformError: ARGUMENT_INVALID for a file that cannot be read, RECEIPT_INVALID, also for a name that occurs twice.
    """
    try:
        with path.open("rb") as file:
            return _signed(file.read(MAX_BYTES + 1), str(path))
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"The receipt {path} cannot be read: {exc.strerror}.") from exc


def _signed(content: bytes, where: str) -> Signed:
    try:
        return Signed.from_bytes(content)
    except ReceiptInvalid as exc:
        raise PlatformError(Code.RECEIPT_INVALID, f"{where}: {exc}") from exc
