"""The store of evidence keeps sounds and receipts alike in a folder and in S3-compatible storage."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from scoring.audio.spoken import Spoken
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.receipts.certificate import Certificate
from scoring.receipts.receipt import Signed, digest
from scoring.receipts.store import audio_name
from scoring.store.files import StoredFile, StoredFiles
from scoring.store.retention import FRESH
from scoring.store.s3 import S3Files
from scoring.types import Hotkey
from tests.builders.command_line import voice
from tests.contract.store.conftest import Bucket
from tests.unit.test_verify_rules import DEMO, a_receipt
from workers.evaluation.audio_store import EvidenceStore

RULES = load().version[0]
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SIGNED = Signed(
    {"score": 1, "share": 0.1},
    "ab",
    Certificate(issuer=Hotkey("5F"), service="5G", host="bench", not_before=NOW, not_after=NOW, signature="cd"),
)
SOUND = Spoken(prompt_id="g00.a", rate=24_000, pcm=(np.sin(np.arange(24_000) / 20) * 9_000).astype("<i2").tobytes(), seconds=1.0)
NAME = hashlib.sha256(SOUND.pcm).hexdigest()


class Counted:
    """Files whose writes are counted, and whose age may be feigned."""

    def __init__(self, files: StoredFiles) -> None:
        self._files, self.written, self.age = files, 0, timedelta(0)

    def look(self, name: str) -> StoredFile | None:
        """What is kept, as old as it is to be."""
        found = self._files.look(name)
        return None if found is None else StoredFile(found.name, found.size, found.written - self.age)

    def write(self, name: str, data: bytes) -> None:
        """Write and count."""
        self.written += 1
        self._files.write(name, data)

    def __getattr__(self, name: str) -> Callable[..., object]:
        """Everything else as it is."""
        found: Callable[..., object] = getattr(self._files, name)
        return found


def test_what_a_worker_keeps_is_read_by_whoever_verifies(files: StoredFiles, open_again: Callable[[], StoredFiles]) -> None:
    """Sound, receipt and rules come back to the last bit, by another process."""
    store = EvidenceStore(files)
    store.keep_audio(SOUND)
    store.keep_evidence(SIGNED, RULES)
    other = EvidenceStore(open_again())
    assert other.audio(NAME) == (SOUND.pcm, SOUND.rate)
    assert other.receipt(digest(SIGNED.receipt)) == SIGNED
    assert other.competition(RULES.hash) == RULES


def test_a_receipt_is_verified_from_a_bucket(bucket: Bucket, tmp_path: Path) -> None:
    """By its hash, with the rules that the bucket holds; the keys come from the environment."""
    store = EvidenceStore(S3Files(bucket.place, bucket.access))
    store.keep_evidence(a_receipt(DEMO), DEMO)
    access = bucket.access
    environment = {
        "VOICE_STORE": str(bucket.place),
        "VOICE_STORE_ENDPOINT": access.endpoint,
        "VOICE_STORE_ACCESS_KEY": access.access_key,
        "VOICE_STORE_SECRET_KEY": access.secret_key,
    }
    ended = voice(tmp_path, "verify", digest(a_receipt(DEMO).receipt), "--level", "1", "--json", **environment)
    answer = json.loads(ended.stdout)
    assert (ended.returncode, answer["holds"], answer["rules"]) == (0, True, "store")


def test_what_is_not_there_or_was_changed(files: StoredFiles) -> None:
    """Each by its code."""
    store = EvidenceStore(files)
    with pytest.raises(PlatformError) as caught:
        store.audio(NAME)
    assert caught.value.code is Code.AUDIO_MISSING
    assert store.competition(RULES.hash) is None
    files.write(audio_name(NAME), b"not FLAC")
    with pytest.raises(PlatformError) as caught:
        store.audio(NAME)
    assert caught.value.code is Code.AUDIO_DAMAGED


def test_a_sound_is_written_again_once_it_is_old(files: StoredFiles) -> None:
    """A fresh one is not: whoever clears old sounds away sees by its age that somebody has just spoken of it."""
    counted = Counted(files)
    store = EvidenceStore(cast(StoredFiles, counted))
    for age, written in ((timedelta(0), 1), (FRESH / 2, 1), (FRESH * 2, 2)):
        counted.age = age
        store.keep_audio(SOUND)
        assert counted.written == written
