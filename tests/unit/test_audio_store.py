"""What is kept comes back to the last bit, or not at all."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from scoring.audio.spoken import Spoken
from scoring.competition import load
from scoring.errors import Code, InfrastructureFault, PlatformError
from scoring.receipts.certificate import Certificate
from scoring.receipts.receipt import Signed, digest
from scoring.receipts.store import StoreLayout
from scoring.store.folder import FolderFiles
from scoring.types import Hotkey
from workers.evaluation.audio_store import EvidenceStore, read_receipt

RULES = load().version[0]
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SIGNED = Signed(
    {"score": 1, "share": 0.1},
    "ab",
    Certificate(issuer=Hotkey("5F"), service="5G", host="bench", not_before=NOW, not_after=NOW, signature="cd"),
)


def said(samples: int, rate: int = 22_050, seed: int = 0) -> Spoken:
    """Noise over the whole range of 16 bits: nothing for a codec to win."""
    noise = np.random.default_rng(seed).integers(-32_768, 32_768, samples, dtype=np.int16)
    return Spoken(prompt_id="g00.a", rate=rate, pcm=noise.astype("<i2").tobytes(), seconds=1.0)


def sha256(spoken: Spoken) -> str:
    return hashlib.sha256(spoken.pcm).hexdigest()


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_the_layout_of_a_store_never_changes() -> None:
    """Stores outlive the code that wrote them: the API, audits and strangers find each file by its hash."""
    layout, name = StoreLayout(Path("store")), "ab" * 32
    found = (layout.audio(name), layout.receipt(name), layout.competition(name))
    assert found == (
        Path(f"store/audio/ab/{name}.flac"),
        Path(f"store/receipts/{name}.json"),
        Path(f"store/competitions/{name}.json"),
    )


@pytest.mark.parametrize("rate", [1, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 65_535])
@pytest.mark.parametrize("samples", [pytest.param(1, id="one sample"), pytest.param(30_000, id="a second or so")])
def test_audio_comes_back_exactly(tmp_path: Path, rate: int, samples: int) -> None:
    """At every rate that a guest can say, allowed or not: a closed gate's audio is evidence too."""
    store, spoken = EvidenceStore(FolderFiles(tmp_path)), said(samples, rate)
    store.keep_audio(spoken)
    assert store.audio(sha256(spoken)) == (spoken.pcm, rate)


def test_a_minute_comes_back_exactly_and_an_extreme_wave_too(tmp_path: Path) -> None:
    """The longest sample that a competition allows, and full-scale steps."""
    store = EvidenceStore(FolderFiles(tmp_path))
    steps = Spoken(prompt_id="g00.a", rate=48_000, pcm=np.tile(np.array([-32_768, 32_767], "<i2"), 24_000).tobytes(), seconds=1.0)
    for spoken in (said(60 * 48_000, 48_000), steps):
        store.keep_audio(spoken)
        assert store.audio(sha256(spoken)) == (spoken.pcm, 48_000)


def test_nothing_is_kept_of_silence_without_samples(tmp_path: Path) -> None:
    """A failed sample has no evidence but its receipt."""
    EvidenceStore(FolderFiles(tmp_path)).keep_audio(said(0))
    assert files(tmp_path) == []


def test_equal_audio_is_kept_once(tmp_path: Path) -> None:
    """What is kept is not written again."""
    store = EvidenceStore(FolderFiles(tmp_path))
    store.keep_audio(said(100))
    (path,) = files(tmp_path)
    written = path.stat().st_mtime_ns, path.stat().st_ino
    store.keep_audio(said(100))
    assert files(tmp_path) == [path]
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == written


def test_writers_at_the_same_time_do_not_meet(tmp_path: Path) -> None:
    """Many workers keep the same few clips and one receipt: all is whole, and nothing is left over."""
    clips = [said(5_000, seed=seed) for seed in range(4)]

    def keep(number: int) -> None:
        store = EvidenceStore(FolderFiles(tmp_path))
        store.keep_audio(clips[number % len(clips)])
        store.keep_evidence(SIGNED, RULES)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(keep, range(64)))
    store = EvidenceStore(FolderFiles(tmp_path))
    assert [store.audio(sha256(clip))[0] for clip in clips] == [clip.pcm for clip in clips]
    assert len(files(tmp_path)) == len(clips) + 2


@pytest.mark.parametrize("missing", ["00" * 32, "../../etc/passwd"])
def test_what_is_not_there_is_missing(tmp_path: Path, missing: str) -> None:
    """AUDIO_MISSING names the hash."""
    with pytest.raises(PlatformError, match=r"there is no audio") as caught:
        EvidenceStore(FolderFiles(tmp_path)).audio(missing)
    assert caught.value.code is Code.AUDIO_MISSING


def other_sound(path: Path) -> None:
    soundfile.write(path, np.zeros(100, dtype=np.int16), 22_050, subtype="PCM_16")


def stereo(path: Path) -> None:
    soundfile.write(path, np.zeros((100, 2), dtype=np.int16), 22_050, subtype="PCM_16")


def more_sound(path: Path) -> None:
    pcm, rate = soundfile.read(path, dtype="int16")
    soundfile.write(path, np.append(pcm, np.int16(0)), rate, subtype="PCM_16")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def text(path: Path) -> None:
    path.write_text("not FLAC", encoding="ascii")


@pytest.mark.parametrize("change", [other_sound, stereo, more_sound, cut, text])
def test_a_changed_file_is_noticed(tmp_path: Path, change: object) -> None:
    """Whatever was done to it: AUDIO_DAMAGED, never other audio."""
    store, spoken = EvidenceStore(FolderFiles(tmp_path)), said(1_000)
    store.keep_audio(spoken)
    (path,) = files(tmp_path)
    assert callable(change)
    change(path)
    with pytest.raises(PlatformError) as caught:
        store.audio(sha256(spoken))
    assert caught.value.code is Code.AUDIO_DAMAGED


def test_a_folder_that_cannot_be_written_is_ours(tmp_path: Path) -> None:
    """STORE_UNAVAILABLE, of the infrastructure: no verdict is lost to the miner."""
    (tmp_path / "store").write_text("a file where the folder should be", encoding="ascii")
    store = EvidenceStore(FolderFiles(tmp_path / "store"))
    for keep in (lambda: store.keep_audio(said(10)), lambda: store.keep_evidence(SIGNED, RULES)):
        with pytest.raises(InfrastructureFault) as caught:
            keep()
        assert caught.value.code is Code.STORE_UNAVAILABLE


def test_evidence_comes_back_as_it_was_signed(tmp_path: Path) -> None:
    """Receipt and rules, each by its own hash."""
    store = EvidenceStore(FolderFiles(tmp_path))
    path = tmp_path / store.keep_evidence(SIGNED, RULES)
    assert (path.stem, read_receipt(path)) == (digest(SIGNED.receipt), SIGNED)
    assert store.competition(RULES.hash) == RULES
    assert store.competition("00" * 32) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "receipt", id="empty"),
        pytest.param(b"\xff\xfe", "receipt", id="no text"),
        pytest.param(b"[]", "receipt", id="no object"),
        pytest.param(json.dumps({"receipt": {}}).encode(), "receipt", id="half of one"),
        pytest.param(json.dumps(SIGNED.to_json())[:-1].encode() + b', "signature": "ab"}', "twice", id="a name twice"),
        pytest.param(json.dumps(SIGNED.to_json()).replace("0.1", "NaN").encode(), "NaN", id="no number"),
        pytest.param(b'{"a":' * 100_000, "nested", id="nested too deeply"),
    ],
)
def test_a_receipt_file_has_one_reading(tmp_path: Path, content: bytes, words: str) -> None:
    """Anything else is RECEIPT_INVALID."""
    path = tmp_path / "receipt.json"
    path.write_bytes(content)
    with pytest.raises(PlatformError, match=words) as caught:
        read_receipt(path)
    assert caught.value.code is Code.RECEIPT_INVALID


def test_no_receipt_file(tmp_path: Path) -> None:
    """It says so."""
    with pytest.raises(PlatformError, match="cannot be read") as caught:
        read_receipt(tmp_path / "nowhere.json")
    assert caught.value.code is Code.ARGUMENT_INVALID
