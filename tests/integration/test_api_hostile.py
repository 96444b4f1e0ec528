"""Requests that somebody made to hurt: whatever they hold, the answer is a refusal of theirs and never a fault of ours."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import bittensor as bt
import httpx
import pytest
from bittensor import http_auth

from neurons.localnet.services import pick_port
from scoring.errors import Code
from tests.integration.numbers_shown import numbers_shown
from voice_api.settings import ApiSettings, MetricsSettings

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
API = "http://voice.test"
HASH = "0x" + "1" * 64
REGISTRY, SUBMISSIONS = "/v1/registry", "/v1/submissions"


@pytest.fixture
async def transport(serve: Serve, api_settings: Callable[..., ApiSettings]) -> httpx.ASGITransport:
    """The way to a running API; a bug of it is a 500, as it is for everybody."""
    transport = await serve(api_settings())
    transport.raise_app_exceptions = False
    return transport


@pytest.fixture
async def browser(transport: httpx.ASGITransport) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who talks to it."""
    async with httpx.AsyncClient(base_url=API, transport=transport) as client:
        yield client


@pytest.fixture
def sign(writer: bt.Wallet, receiver: bt.Wallet) -> Callable[..., dict[str, str]]:
    """Sign a POST for the API, as the writer unless told otherwise."""

    def build(path: str, body: bytes, wallet: bt.Wallet = writer) -> dict[str, str]:
        signed = http_auth.sign(wallet, method="POST", path=path, body=body, receiver_ss58=receiver.hotkey.ss58_address)
        return signed | {"Content-Type": "application/json"}

    return build


def registry(**overrides: object) -> bytes:
    """The body of a registry with one neuron."""
    neuron = {"hotkey": "5G", "uid": 0, "coldkey": "5C", "registered_at_block": 1, "immune_until_block": 2}
    return json.dumps({"netuid": 7, "block": 10, "block_hash": HASH, "neurons": [neuron | overrides]}).encode()


def submission(**overrides: object) -> bytes:
    """The body of a refused commitment."""
    fields = {
        "hotkey": "5G",
        "public_key": "a" * 64,
        "commit_block": 1,
        "tiebreak": "b" * 64,
        "commitment": "?",
        "code": Code.COMMITMENT_MALFORMED,
        "reason": "not a commitment",
    }
    return json.dumps({"submissions": [fields | overrides]}).encode()


async def test_a_second_hotkey_behind_an_allowed_one(
    browser: httpx.AsyncClient,
    transport: httpx.ASGITransport,
    sign: Callable[..., dict[str, str]],
    writer: bt.Wallet,
    stranger: bt.Wallet,
) -> None:
    """A header that occurs twice is not read in two ways: who signed is who must be allowed to write."""
    body = registry()
    headers = [(http_auth.HEADER_HOTKEY, writer.hotkey.ss58_address), *sign(REGISTRY, body, stranger).items()]
    for order in (headers, headers[1:] + headers[:1]):
        answer = await browser.post(REGISTRY, content=body, headers=order)
        assert (answer.status_code, answer.json()["code"]) in {(401, Code.NOT_AUTHENTICATED), (403, Code.NOT_ALLOWED)}
    assert (await numbers_shown(transport)).count('route="/v1/registry",status="200"') == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param(REGISTRY, registry(hotkey="5\0G"), id="NUL in a hotkey"),
        pytest.param(REGISTRY, registry(coldkey="5\0C"), id="NUL in a coldkey"),
        pytest.param(SUBMISSIONS, submission(hotkey="5\0G"), id="NUL in a submission's hotkey"),
        pytest.param(SUBMISSIONS, submission(commitment="v2:\0"), id="NUL in a commitment"),
        pytest.param(SUBMISSIONS, submission(reason="be\0cause"), id="NUL in a reason"),
        pytest.param(SUBMISSIONS, submission(commitment="\ud800"), id="half a character"),
        pytest.param(SUBMISSIONS, submission(**{"\ud800": 1}), id="half a character as a name"),
        pytest.param(SUBMISSIONS, submission(commit_block=1e300), id="a block beyond all blocks"),
        pytest.param(SUBMISSIONS, submission(commit_block=float("nan")), id="a block that is no number"),
        pytest.param(SUBMISSIONS, b"[" * 100_000, id="nested without end"),
        pytest.param(SUBMISSIONS, b'{"submissions": ' + b"9" * 100_000 + b"}", id="a giant number"),
        pytest.param(SUBMISSIONS, b"\xff\xfe\0", id="not UTF-8"),
        pytest.param(SUBMISSIONS, b"", id="nothing"),
    ],
)
async def test_bodies_that_no_database_takes(
    browser: httpx.AsyncClient, sign: Callable[..., dict[str, str]], path: str, body: bytes
) -> None:
    """Text that PostgreSQL, JSON or a number cannot hold is refused as a request, signed or not."""
    for headers in (sign(path, body), {"Content-Type": "application/json"}):
        answer = await browser.post(path, content=body, headers=headers)
        assert 400 <= answer.status_code < 500
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("/v1/submissions?hotkey=%00", id="NUL"),
        pytest.param("/v1/submissions?hotkey=a%00b&state=queued", id="NUL inside"),
        pytest.param("/v1/submissions?after=9223372036854775808", id="beyond 63 bits"),
        pytest.param(f"/v1/submissions?after={'9' * 5000}", id="5,000 digits"),
        pytest.param("/v1/submissions?limit=1e3", id="a float"),
        pytest.param("/v1/submissions/99999999999999999999", id="a giant id"),
        pytest.param("/v1/submissions/%00", id="NUL as an id"),
        pytest.param("/v1/submissions/1%2F..%2F..%2Fmetrics", id="dots in an id"),
        pytest.param("/v1/queue?after=2147483648", id="a giant position"),
        pytest.param("/v1/leaderboard?limit=-1", id="less than nothing"),
        pytest.param("/%00", id="NUL as a path"),
        pytest.param("/" + "a" * 8000, id="a long path"),
    ],
)
async def test_targets_that_fit_no_route(browser: httpx.AsyncClient, target: str) -> None:
    """Whatever stands in a path or a query, the answer is a problem of the request's."""
    answer = await browser.get(target)
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


async def test_percent_encoding_is_no_second_name(browser: httpx.AsyncClient, sign: Callable[..., dict[str, str]]) -> None:
    """What is signed is the target as it was sent: the same path spelt otherwise is another one."""
    body = registry()
    for spelt in ("/v1/%72egistry", "/v1//registry"):
        url = httpx.URL(API).copy_with(raw_path=spelt.encode())
        assert url.raw_path == spelt.encode()
        assert (await browser.post(url, content=body, headers=sign(REGISTRY, body))).status_code in {401, 404}


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "1e9", "٣", "5, 6"])
async def test_content_lengths_that_are_no_numbers(browser: httpx.AsyncClient, length: str) -> None:
    """A declared length is only believed where it is too large; nothing in it breaks the service."""
    headers = [(b"content-type", b"application/json"), (b"content-length", length.encode())]
    answer = await browser.post(REGISTRY, content=b"{}", headers=headers)
    assert 400 <= answer.status_code < 500


async def test_invented_methods_make_no_series(browser: httpx.AsyncClient, transport: httpx.ASGITransport) -> None:
    """Names of methods come from strangers: they must not fill the metrics."""
    for number in range(3):
        await browser.request(f"INVENTED{number}", "/v1/queue")
    assert "INVENTED" not in (await numbers_shown(transport))


async def test_markup_in_what_a_miner_writes_stays_text(browser: httpx.AsyncClient, sign: Callable[..., dict[str, str]]) -> None:
    """The page shows a commitment, a hotkey and a reason as text, whatever they hold."""
    markup = "\"'><script>alert(1)</script>"
    body = submission(hotkey=markup, commitment=markup, reason=markup)
    assert (await browser.post(SUBMISSIONS, content=body, headers=sign(SUBMISSIONS, body))).status_code == 200
    page = await browser.get("/")
    assert "<script>" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("since", "until"),
    [
        pytest.param("0001-01-01T00:00:00+23:59", "2026-01-01T00:00:00Z", id="before the calendar in UTC"),
        pytest.param("2026-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", id="after the calendar in UTC"),
    ],
)
async def test_moments_that_no_database_has(
    serve: Serve,
    api_settings: Callable[..., ApiSettings],
    sign: Callable[..., dict[str, str]],
    writer: bt.Wallet,
    since: str,
    until: str,
) -> None:
    """A zone's offset may lead out of the calendar: that is the request's fault."""
    transport = await serve(api_settings(operators=(writer.hotkey.ss58_address,)))
    transport.raise_app_exceptions = False
    path, window = "/v1/operator/requeue-by-host", {"host": "h", "since": since, "until": until, "reason": "r"}
    body = json.dumps(window).encode()
    async with httpx.AsyncClient(base_url=API, transport=transport) as client:
        answer = await client.post(path, content=body, headers=sign(path, body))
    assert (answer.status_code, answer.json()["code"]) == (422, Code.REQUEST_INVALID)


async def test_a_caller_that_leaves_in_the_middle(
    listen: Callable[..., str], api_settings: Callable[..., ApiSettings], writer: bt.Wallet
) -> None:
    """A body that breaks off is no failure of the service: who is allowed is public, so anybody could fill the logs with them."""
    shown = MetricsSettings(host="127.0.0.1", port=pick_port(None))
    url = httpx.URL(listen(api_settings(operators=(writer.hotkey.ss58_address,)), shown))
    target = "/v1/operator/stuck"
    head = f"GET {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nX-Bittensor-Hotkey: {writer.hotkey.ss58_address}\r\n\r\n"
    async with httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/healthz")).is_success
        _, leaving = await asyncio.open_connection(url.host, url.port)
        leaving.write(head.encode())
        await leaving.drain()
        leaving.close()
        counted = f'route="{target}",status='
        for _ in range(100):
            numbers = (await client.get(f"http://127.0.0.1:{shown.port}/metrics")).text
            if counted in numbers:
                break
            await asyncio.sleep(0.05)
    assert f'{counted}"400"' in numbers
