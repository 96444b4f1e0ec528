"""Every write that the API's own description names: refused whatever is wrong with its signature, and let through once with a right one."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import bittensor as bt
import httpx
import pytest
from bittensor import http_auth

from scoring.errors import Code
from scoring.types import Block, BlockHash, Hotkey, Uid
from voice_api.db.database import Pool
from voice_api.db.registry import RegisteredNeuron, Registry, RegistrySnapshot
from voice_api.settings import ApiSettings
from voice_api.web.auth import SKEW, WINDOW

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
    pool: Pool,
    writer: bt.Wallet,
    receiver: bt.Wallet,
) -> AsyncIterator[Bed]:
    """An API in which the writer has every role, and is a registered miner."""
    every = (writer.hotkey.ss58_address,)
    neuron = RegisteredNeuron(
        hotkey=Hotkey(writer.hotkey.ss58_address),
        uid=Uid(1),
        coldkey="coldkey",
        registered_at_block=Block(0),
        immune_until_block=Block(0),
    )
    await Registry(pool).replace(
        RegistrySnapshot(netuid=1, block=Block(1), block_hash=BlockHash("0x" + "1" * 64), neurons=(neuron,))
    )
    transport = await serve(api_settings(writers=every, operators=every, rate_per_minute=PLENTY, rate_address_per_minute=PLENTY))
    paths = transport.app.openapi()["paths"]  # type: ignore[attr-defined]
    writes = tuple(
        (method.upper(), _filled(path))
        for path, found in paths.items()
        for method, operation in found.items()
        if method in WRITES and "security" in operation  # others take no signature: whoever listens has none
    )
    sound = Sent("POST", "/", writer, receiver.hotkey.ss58_address)
    async with httpx.AsyncClient(base_url="http://voice.test", transport=transport) as client:
        yield Bed(client, writes, sound)


def _filled(path: str) -> str:
    """A path's parameters with something that fits most of them."""
    return re.sub(r"\{[^}]*\}", "1", path)


Change = Callable[[Sent], Sent]
REFUSED = frozenset({Code.NOT_AUTHENTICATED, Code.NOT_ALLOWED})


CHANGES: Mapping[str, Change] = {
    "signed for another path": lambda sent: replace(sent, signed_path="/v1/other"),
    "signed with a query": lambda sent: replace(sent, signed_path=f"{sent.path}?x=1"),
    "sent with a query": lambda sent: replace(sent, path=f"{sent.path}?x=1", signed_path=sent.path),
    "signed for another method": lambda sent: replace(sent, signed_method="GET"),
    "another body": lambda sent: replace(sent, signed_body=b'{"x": 2}'),
    "stale": lambda sent: replace(sent, age=WINDOW.total_seconds() + 1),
    "from the future": lambda sent: replace(sent, age=-SKEW.total_seconds() - 5),
    "meant for another API": lambda sent: replace(sent, receiver=sent.wallet.hotkey.ss58_address),
}


async def test_a_wrong_signature_is_refused_by_every_write(bed: Bed) -> None:
    """One thing is not as it was signed: 401, before anything is looked at."""
    answers = {
        (*write, name): await bed.code(change(replace(bed.sound, method=write[0], path=write[1])))
        for write in bed.writes
        for name, change in CHANGES.items()
    }
    meant_for_another = {code for (*_, name), code in answers.items() if name == "meant for another API"}
    assert meant_for_another == {Code.RECEIVER_MISMATCH}
    assert {code for (*_, name), code in answers.items() if name != "meant for another API"} == {Code.NOT_AUTHENTICATED}
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
