"""Listening copies and pictures of stored samples over HTTP: served in parts, for ever, and never in the place of the evidence."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from scoring.audio.spoken import Spoken
from scoring.errors import Code
from scoring.receipts.store import StoreLayout
from scoring.store.folder import FolderFiles
from voice_api.settings import ApiSettings
from workers.evaluation.audio_store import EvidenceStore

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
SPOKEN = Spoken(prompt_id="p1", rate=22_050, pcm=(np.sin(np.arange(44_100) / 20) * 9_000).astype("<i2").tobytes(), seconds=1.0)
DIGEST = sha256(SPOKEN.pcm).hexdigest()


@pytest.fixture
async def browser(serve: Serve, api_settings: Callable[..., ApiSettings], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Anybody, before an API with one sample in its store."""
    EvidenceStore(FolderFiles(tmp_path / "store")).keep_audio(SPOKEN)
    transport = await serve(api_settings(store_place=tmp_path / "store", copies_folder=tmp_path / "copies"))
    async with httpx.AsyncClient(base_url="http://voice.test", transport=transport) as client:
        yield client


@pytest.mark.parametrize(
    ("kind", "media", "begins"),
    [
        pytest.param("opus", "audio/ogg", b"OggS", id="small copy"),
        pytest.param("waveform", "image/svg+xml", b"<svg", id="waveform"),
        pytest.param("spectrogram", "image/png", b"\x89PNG", id="spectrogram"),
        pytest.param("loudness", "application/json", b'{"lufs"', id="loudness"),
    ],
)
async def test_each_is_served_for_ever(browser: httpx.AsyncClient, kind: str, media: str, begins: bytes, tmp_path: Path) -> None:
    """With an ETag that saves the second transfer, from the folder once it is there."""
    first = await browser.get(f"/v1/samples/{DIGEST}/{kind}")
    assert (first.status_code, first.headers["content-type"], first.content[: len(begins)]) == (200, media, begins)
    assert "immutable" in first.headers["cache-control"]
    StoreLayout(tmp_path / "store").audio(DIGEST).unlink()
    again = await browser.get(f"/v1/samples/{DIGEST}/{kind}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_small_copy_comes_in_parts(browser: httpx.AsyncClient) -> None:
    """As players ask for it; the parts are the whole, which sounds as long as the sample, and a range outside is refused."""
    whole = (await browser.get(f"/v1/samples/{DIGEST}/opus")).content
    parts = [
        await browser.get(f"/v1/samples/{DIGEST}/opus", headers={"Range": wanted}) for wanted in ("bytes=0-99", "bytes=100-")
    ]
    assert [part.status_code for part in parts] == [206, 206]
    assert b"".join(part.content for part in parts) == whole
    samples, rate = soundfile.read(io.BytesIO(whole))
    assert len(samples) / rate == pytest.approx(2.0, abs=0.03)
    outside = await browser.get(f"/v1/samples/{DIGEST}/opus", headers={"Range": f"bytes={len(whole)}-"})
    assert (outside.status_code, outside.headers["content-range"]) == (416, f"bytes */{len(whole)}")


async def test_the_evidence_stays_what_is_hashed(browser: httpx.AsyncClient) -> None:
    """Beside the copy the FLAC is as before: its PCM hashes to the sample's name, and the copy's does not."""
    await browser.get(f"/v1/samples/{DIGEST}/opus")
    kept, _ = soundfile.read(io.BytesIO((await browser.get(f"/v1/samples/{DIGEST}")).content), dtype="int16")
    heard, _ = soundfile.read(io.BytesIO((await browser.get(f"/v1/samples/{DIGEST}/opus")).content), dtype="int16")
    assert sha256(kept.astype("<i2").tobytes()).hexdigest() == DIGEST != sha256(heard.astype("<i2").tobytes()).hexdigest()


async def test_what_is_not_there_is_said_by_code(browser: httpx.AsyncClient) -> None:
    """An unknown sample and an unknown kind."""
    unknown = await browser.get(f"/v1/samples/{'0' * 64}/opus")
    strange = await browser.get(f"/v1/samples/{DIGEST}/video")
    assert [(answer.status_code, answer.json()["code"]) for answer in (unknown, strange)] == [
        (404, Code.NOT_FOUND),
        (422, Code.REQUEST_INVALID),
    ]


@pytest.mark.parametrize("damage", ["no sound", "another sound", "cut off"])
@pytest.mark.parametrize("path", ["", "/opus"])
async def test_a_damaged_file_is_our_fault(browser: httpx.AsyncClient, tmp_path: Path, damage: str, path: str) -> None:
    """A coded failure of ours that no cache keeps, though the same file was served before; put back, it is served again."""
    file = StoreLayout(tmp_path / "store").audio(DIGEST)
    whole = file.read_bytes()
    assert (await browser.get(f"/v1/samples/{DIGEST}")).status_code == 200
    other = io.BytesIO()
    soundfile.write(other, np.zeros(100, dtype="<i2"), 22_050, format="FLAC")
    file.write_bytes({"no sound": b"damaged", "another sound": other.getvalue(), "cut off": whole[:-100]}[damage])
    answer = await browser.get(f"/v1/samples/{DIGEST}{path}")
    assert (answer.status_code, answer.json()["code"], answer.headers["cache-control"]) == (500, Code.AUDIO_DAMAGED, "no-store")
    assert "Operator" in answer.json()["advice"]
    file.write_bytes(whole)
    assert "immutable" in (await browser.get(f"/v1/samples/{DIGEST}{path}")).headers["cache-control"]
