"""Who may ask for a sentence, in whose voice, how often, and how the answer looks: the API on a real PostgreSQL and Redis."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest
import soundfile

from scoring.errors import Code
from scoring.types import Hotkey
from tests.builders.speeches import scored
from tests.integration.recordings import API
from tests.integration.speech_bed import RATE, TEXT, speak_next
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.rounds import NewRound
from voice_api.db.speeches import Speeches
from voice_api.db.submissions import NewSubmission
from voice_api.settings import ApiSettings

DISCLOSURE = "Künstliche Stimme, 100% synthetic."
Opened = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def opened(
    api_settings: Callable[..., ApiSettings], serve: Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
) -> AsyncIterator[Opened]:
    """A browser at an API that speaks, with some settings changed."""
    browsers: list[httpx.AsyncClient] = []

    async def build(**overrides: Any) -> httpx.AsyncClient:
        standard = {"speech": True, "speech_disclosure": DISCLOSURE}
        transport = await serve(api_settings(**standard | overrides))
        browsers.append(httpx.AsyncClient(base_url=API, transport=transport))
        return browsers[-1]

    yield build
    for browser in browsers:
        await browser.aclose()


async def test_it_is_off_until_the_operator_switches_it_on(opened: Opened, king: NewSubmission) -> None:
    """And says so by a code of its own."""
    answer = await (await opened(speech=False)).post("/v1/speech", json={"text": TEXT})
    assert (answer.status_code, answer.json()["code"]) == (403, Code.SPEECH_OFF)


async def test_a_sentence_in_the_kings_voice(opened: Opened, pool: Pool, king: NewSubmission) -> None:
    """Taken with where to look, and heard from there, with the operator's words and with how long it took."""
    browser = await opened()
    taken = await browser.post("/v1/speech", json={"text": TEXT})
    asked = taken.json()
    assert (taken.status_code, taken.headers["Location"]) == (202, f"/v1/speech/{asked['id']}")
    assert (asked["state"], asked["ahead"], asked["audio"], asked["first_audio_seconds"]) == ("queued", 0, None, None)
    voice = {name: asked["voice"][name] for name in ("hotkey", "king", "track", "family", "repo", "revision")}
    assert voice == {"hotkey": king.hotkey, "king": True, "track": "small", "family": "vits"} | {
        "repo": "miner/king",
        "revision": king.revision,
    }
    await speak_next(pool)
    said = await browser.get(taken.headers["Location"])
    found = said.json()
    assert (found["state"], found["seconds"], found["speak_seconds"], found["disclosure"]) == ("done", 0.5, 0.125, DISCLOSURE)
    assert 0.0 <= found["waited_seconds"] <= found["first_audio_seconds"] < 30.0
    heard = await browser.get(found["audio"])
    assert heard.headers["Content-Type"] == "audio/flac"
    assert (said.headers["Cache-Control"], heard.headers["Cache-Control"]) == ("private, no-cache", "private, max-age=3600")
    part = await browser.get(found["audio"], headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"fLaC")
    for answer in (taken, said, heard):
        assert answer.headers["X-Voice-Disclosure"] == "K%C3%BCnstliche Stimme, 100%25 synthetic."


async def test_waiting_for_it(opened: Opened, pool: Pool, king: NewSubmission) -> None:
    """With `Prefer: wait` the answer comes when it is spoken, or as it stands after that time."""
    browser = await opened()
    asking = browser.post("/v1/speech", json={"text": TEXT}, headers={"Prefer": "respond-async, wait=20"})
    answer, _ = await asyncio.gather(asking, speak_next(pool))
    assert (answer.status_code, answer.json()["state"], answer.headers["Preference-Applied"]) == (200, "done", "wait=20")
    short = await browser.post("/v1/speech", json={"text": TEXT}, headers={"Prefer": "wait=0"})
    assert (short.status_code, short.json()["state"]) == (202, "queued")


@pytest.mark.parametrize(
    ("body", "status", "code", "why"),
    [
        pytest.param({"text": "a" * 301}, 422, Code.REQUEST_INVALID, "300", id="too long"),
        pytest.param({"text": ""}, 422, Code.REQUEST_INVALID, "text", id="no text"),
        pytest.param({"text": "a\0b"}, 422, Code.REQUEST_INVALID, "text", id="NUL"),
        pytest.param({"text": TEXT, "speed": 2}, 422, Code.REQUEST_INVALID, "speed", id="what nobody knows"),
        pytest.param({"text": " …!? "}, 422, Code.TEXT_INVALID, "no word", id="no word"),
        pytest.param({"text": "Come on 3/4/2005."}, 422, Code.TEXT_INVALID, "3/4/2005", id="two dates"),
        pytest.param({"text": TEXT, "description": "d" * 301}, 422, Code.REQUEST_INVALID, "300", id="a description too long"),
        pytest.param({"text": TEXT, "voice": "nobody"}, 404, Code.VOICE_MISSING, "nobody is neither", id="no such hotkey"),
        pytest.param({"text": TEXT, "track": "large"}, 404, Code.VOICE_MISSING, "have: small", id="no such track"),
        pytest.param(
            {"text": TEXT, "voice": "king-hotkey", "track": "large"},
            404,
            Code.VOICE_MISSING,
            "in the track large",
            id="elsewhere",
        ),
    ],
)
async def test_what_nobody_can_say_is_refused(
    opened: Opened, pool: Pool, king: NewSubmission, body: dict[str, str], status: int, code: Code, why: str
) -> None:
    """With a code and what is wrong, before a row is written, and at no cost to who asks."""
    browser = await opened(speech_address_per_hour=1)
    answer = await browser.post("/v1/speech", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code) and why in answer.json()["detail"]
    assert (await Speeches(pool).load()).lately == 0
    assert (await browser.post("/v1/speech", json={"text": TEXT})).status_code == 202


async def test_before_the_first_king_nobody_speaks(opened: Opened) -> None:
    """The page and the clients have a code for it."""
    answer = await (await opened()).post("/v1/speech", json={"text": TEXT})
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        404,
        Code.VOICE_MISSING,
        "no track has a king yet",
    )


async def test_a_description_goes_to_families_that_hear_one(
    opened: Opened,
    pool: Pool,
    king: NewSubmission,
    new_submission: Callable[..., NewSubmission],
    new_round: Callable[..., NewRound],
    verdict: Callable[..., Verdict],
) -> None:
    """Others refuse it by name; so somebody else's voice than the king's is heard by its hotkey."""
    await scored(pool, new_submission(hotkey=Hotkey("deaf")), new_round(4), verdict(), family="pocket_tts")
    browser, described = await opened(), {"text": TEXT, "description": "A woman with a high voice speaks."}
    assert (await browser.post("/v1/speech", json=described)).json()["description"] == described["description"]
    refused = await browser.post("/v1/speech", json=described | {"voice": "deaf"})
    assert (refused.status_code, refused.json()["code"]) == (422, Code.DESCRIPTION_UNHEARD)
    plain = await browser.post("/v1/speech", json={"text": TEXT, "voice": "deaf"})
    assert (plain.status_code, plain.json()["voice"]["king"]) == (202, False)


async def test_an_address_has_its_own_budget(opened: Opened, king: NewSubmission) -> None:
    """It is told for how long it has to wait."""
    browser = await opened(speech_address_per_hour=2)
    answers = [await browser.post("/v1/speech", json={"text": TEXT}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[-1].json()["code"] == Code.RATE_LIMITED and 0 < int(answers[-1].headers["Retry-After"]) <= 1800


async def test_everybody_has_one_budget(opened: Opened, pool: Pool, king: NewSubmission) -> None:
    """So many may wait at once; a refusal for that costs the address nothing."""
    browser = await opened(speech_open=1, speech_address_per_hour=2)
    assert [(await browser.post("/v1/speech", json={"text": TEXT})).status_code for _ in range(3)] == [202, 429, 429]
    await speak_next(pool)
    assert (await browser.post("/v1/speech", json={"text": TEXT})).status_code == 202


@pytest.mark.parametrize(
    ("wanted", "media_type", "rate"),
    [
        pytest.param("flac", "audio/flac", RATE, id="flac"),
        pytest.param("wav", "audio/wav", RATE, id="wav"),
        pytest.param("opus", "audio/ogg", 24_000, id="opus"),
        pytest.param("mp3", "audio/mpeg", RATE, id="mp3"),
    ],
)
async def test_the_sound_in_other_formats(
    opened: Opened, pool: Pool, king: NewSubmission, wanted: str, media_type: str, rate: int
) -> None:
    """Each decodes to the same tone, and carries the operator's words."""
    browser = await opened()
    asked = (await browser.post("/v1/speech", json={"text": TEXT})).json()
    await speak_next(pool)
    answer = await browser.get(f"/v1/speech/{asked['id']}/audio", params={"format": wanted})
    assert answer.headers["Content-Type"] == media_type
    with soundfile.SoundFile(io.BytesIO(answer.content)) as file:
        samples, found, comment = file.read(), file.samplerate, file.comment
    assert (found, comment) == (rate, DISCLOSURE.replace("ü", "?") if wanted == "mp3" else DISCLOSURE)
    assert loudest(samples, rate) == pytest.approx(440, abs=3)
    assert len(samples) / rate == pytest.approx(0.5, abs=0.06)


async def test_bare_samples_come_at_the_rate_that_clients_expect(opened: Opened, pool: Pool, king: NewSubmission) -> None:
    """16-bit little-endian mono at 24 kHz, whatever the model's rate."""
    browser = await opened()
    asked = (await browser.post("/v1/speech", json={"text": TEXT})).json()
    await speak_next(pool)
    answer = await browser.get(f"/v1/speech/{asked['id']}/audio", params={"format": "pcm"})
    samples = np.frombuffer(answer.content, dtype="<i2")
    assert (len(samples), answer.headers["Content-Type"]) == (12_000, "audio/pcm")
    assert loudest(samples, 24_000) == pytest.approx(440, abs=3)
    assert np.abs(samples).max() == pytest.approx(16_384, rel=0.02)


async def test_what_nobody_got_is_not_found(opened: Opened, king: NewSubmission) -> None:
    """An id, and the sound of a sentence that waits."""
    browser = await opened()
    waiting = UUID((await browser.post("/v1/speech", json={"text": TEXT})).json()["id"])
    for path in (f"{uuid4()}", f"{uuid4()}/audio", f"{waiting}/audio"):
        answer = await browser.get(f"/v1/speech/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, Code.NOT_FOUND)


def loudest(samples: "np.typing.NDArray[Any]", rate: int) -> float:
    """The frequency in Hz with most power."""
    return float(np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples))
