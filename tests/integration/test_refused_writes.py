"""Every write that the API's own description names: refused whatever is wrong with its signature, and let through once with a right one."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

import bittensor as bt
import httpx
import pytest
from bittensor import http_auth

from scoring.errors import Code
from voice_api.auth import SKEW, WINDOW
from voice_api.settings import ApiSettings

WRITES = frozenset({"post", "put", "patch", "delete"})
BODY = b'{"x": 1}'
PLENTY = 1_000_000
SECOND = 10**9


@dataclass(frozen=True)
class Sent:
    """A request as it is sent, and who signed what."""

    method: str
    path: str
    wallet: bt.Wallet
    receiver: str
    signed_path: str = ""
    signed_method: str = ""
    signed_body: bytes = BODY
    age: float = 0.0

    @property
    def headers(self) -> dict[str, str]:
        """With the signature."""
        return http_auth.sign(
            self.wallet,
            method=self.signed_method or self.method,
            path=self.signed_path or self.path,
            body=self.signed_body,
            receiver_ss58=self.receiver,
            nonce_ns=time.time_ns() - int(self.age * SECOND),
        ) | {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Bed:
    """A client of a served API, its writes by method and path, and a sound request to start from."""

    client: httpx.AsyncClient
    writes: tuple[tuple[str, str], ...]
    sound: Sent

    async def code(self, sent: Sent, headers: dict[str, str] | None = None) -> int | None:
        """The problem's code, or None where the request was served."""
        response = await self.client.request(sent.method, sent.path, content=BODY, headers=headers or sent.headers)
        return None if response.is_success else int(response.json()["code"])


@pytest.fixture
async def bed(
    serve: Callable[[ApiSettings], Awaitable[httpx.ASGITransport]],
    api_settings: Callable[..., ApiSettings],
    writer: bt.Wallet,
    receiver: bt.Wallet,
) -> AsyncIterator[Bed]:
    """An API in which the writer has every role."""
    every = (writer.hotkey.ss58_address,)
    transport = await serve(api_settings(writers=every, operators=every, rate_per_minute=PLENTY, rate_address_per_minute=PLENTY))
    paths = transport.app.openapi()["paths"]  # type: ignore[attr-defined]
    writes = tuple((method.upper(), _filled(path)) for path, found in paths.items() for method in found if method in WRITES)
    sound = Sent("POST", "/", writer, receiver.hotkey.ss58_address)
    async with httpx.AsyncClient(base_url="http://voice.test", transport=transport) as client:
        yield Bed(client, writes, sound)


def _filled(path: str) -> str:
    """A path's parameters with something that fits most of them."""
    return re.sub(r"\{[^}]*\}", "1", path)


Change = Callable[[Sent], Sent]
NOT_AUTHENTICATED = frozenset({Code.NOT_AUTHENTICATED})
REFUSED = frozenset({Code.NOT_AUTHENTICATED, Code.NOT_ALLOWED})


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda sent: replace(sent, signed_path="/v1/other"), id="signed for another path"),
        pytest.param(lambda sent: replace(sent, signed_path=f"{sent.path}?x=1"), id="signed with a query"),
        pytest.param(lambda sent: replace(sent, path=f"{sent.path}?x=1", signed_path=sent.path), id="sent with a query"),
        pytest.param(lambda sent: replace(sent, signed_method="GET"), id="signed for another method"),
        pytest.param(lambda sent: replace(sent, signed_body=b'{"x": 2}'), id="another body"),
        pytest.param(lambda sent: replace(sent, age=WINDOW.total_seconds() + 1), id="stale"),
        pytest.param(lambda sent: replace(sent, age=-SKEW.total_seconds() - 5), id="from the future"),
        pytest.param(lambda sent: replace(sent, receiver=sent.wallet.hotkey.ss58_address), id="meant for another API"),
    ],
)
async def test_a_wrong_signature_is_refused_by_every_write(bed: Bed, change: Change) -> None:
    """One thing is not as it was signed: 401, before anything is looked at."""
    answers = {write: await bed.code(change(replace(bed.sound, method=write[0], path=write[1]))) for write in bed.writes}
    assert answers == dict.fromkeys(bed.writes, Code.NOT_AUTHENTICATED)
    assert len(bed.writes) >= 2


async def test_a_replayed_request_is_refused_by_every_write(bed: Bed) -> None:
    """The first one is heard, whatever its body is worth; the second one is not."""
    for method, path in bed.writes:
        sent = replace(bed.sound, method=method, path=path)
        headers = sent.headers
        first, second = await bed.code(sent, headers), await bed.code(sent, headers)
        assert (first not in REFUSED, second) == (True, Code.NOT_AUTHENTICATED), path


async def test_one_writes_signature_is_none_for_another(bed: Bed) -> None:
    """Each with the signature of each other."""
    for method, path in bed.writes:
        for signed_method, signed_path in bed.writes:
            if (method, path) != (signed_method, signed_path):
                sent = replace(bed.sound, method=method, path=path, signed_path=signed_path, signed_method=signed_method)
                assert await bed.code(sent) == Code.NOT_AUTHENTICATED, (path, signed_path)


async def test_another_hotkey_is_refused_by_every_write(bed: Bed, stranger: bt.Wallet) -> None:
    """A stranger's own sound signature, an allow-listed hotkey over a stranger's signature, and no signature at all."""
    for method, path in bed.writes:
        sound = replace(bed.sound, method=method, path=path)
        forged = replace(sound, wallet=stranger).headers
        mixed = sound.headers | {"X-Bittensor-Signature": forged["X-Bittensor-Signature"]}
        assert await bed.code(sound, forged) in REFUSED, path
        assert await bed.code(sound, mixed) == Code.NOT_AUTHENTICATED, path
        assert await bed.code(sound, {"Content-Type": "application/json"}) == Code.NOT_AUTHENTICATED, path
