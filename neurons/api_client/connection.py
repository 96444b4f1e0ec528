"""The connection to the voice API: signs requests by the wallet's hotkey, slows down when asked to, and turns refusals into errors."""

import asyncio
import http
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Self, TypeVar

import bittensor as bt
import httpx
from bittensor import http_auth
from pydantic import BaseModel, ValidationError

from scoring.errors import Code, PlatformError
from voice_api.schemas import MOST_ROWS, Problem
from voice_api.schemas.wire import Item, Page

Answer = TypeVar("Answer", bound=BaseModel)
_JSON = "application/json"
_TRIES = 5
_LONGEST_WAIT = timedelta(seconds=30)
"""The longest pause that is waited out; a longer one is the caller's to know."""


class ApiUnavailable(PlatformError):
    """The API cannot be reached, or cannot serve now: try again later."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.API_UNAVAILABLE, detail)


class ApiRefused(PlatformError):
    """The API will not do this, however often it is asked; `code` and `detail` are its own."""


class Connection:
    """To one API. Asked to slow down (429), it waits as long as the API says, some times."""

    def __init__(
        self,
        url: str,
        wallet: bt.Wallet | None = None,
        receiver_hotkey: str | None = None,
        timeout: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._wallet, self._receiver = wallet, receiver_hotkey
        self._client = httpx.AsyncClient(base_url=url, timeout=timeout, transport=transport, trust_env=False)

    async def __aenter__(self) -> Self:
        """Open the connections."""
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close them."""
        await self._client.__aexit__(kind, value, traceback)

    async def _read(self, path: str, answer: type[Answer], *, signed: bool = False, **query: str | int | None) -> Answer:
        """Read what `path` answers; of the query, what is None is not asked for."""
        asked = {name: value for name, value in query.items() if value is not None}
        target = f"{path}?{httpx.QueryParams(asked)}" if asked else path
        return await self._send(
            lambda: self._signed("GET", target) if signed else self._client.build_request("GET", target), answer
        )

    async def _all(self, path: str, page: type[Page[Item]], *, signed: bool = False, **query: str | int | None) -> list[Item]:
        """Read all pages of a list, in as few requests as it takes."""
        found: list[Item] = []
        after: int | None = None
        while True:
            answer = await self._read(path, page, signed=signed, after=after, limit=MOST_ROWS, **query)
            found.extend(answer.items)
            after = answer.next
            if after is None:
                return found

    async def _bytes(self, path: str) -> bytes:
        response = await self._patient(lambda: self._client.build_request("GET", path))
        if not response.is_success:
            raise _failure(response)
        return response.content

    async def _write(self, path: str, body: BaseModel, answer: type[Answer], key: str | None = None) -> Answer:
        content = body.model_dump_json().encode()
        return await self._send(lambda: self._signed("POST", path, content, key=key), answer)

    def _signed(self, method: str, target: str, content: bytes = b"", kind: str = _JSON, key: str | None = None) -> httpx.Request:
        """A request with a signature of its own: each is served once."""
        if self._wallet is None:
            raise ValueError("writing takes a wallet")
        headers = {"Content-Type": kind} | ({"Idempotency-Key": key} if key else {})
        request = self._client.build_request(method, target, content=content, headers=headers)
        path = request.url.raw_path.decode("ascii")
        request.headers.update(http_auth.sign(self._wallet, method=method, path=path, body=content, receiver_ss58=self._receiver))
        return request

    async def _send(self, build: Callable[[], httpx.Request], answer: type[Answer]) -> Answer:
        response = await self._patient(build)
        if not response.is_success:
            raise _failure(response)
        return parsed(response, answer)

    async def _patient(self, build: Callable[[], httpx.Request]) -> httpx.Response:
        """The answer, once the API no longer asks to slow down; the last one if it asks again and again, or for too long."""
        for _ in range(_TRIES - 1):
            response = await self._once(build())
            wait = _asked_to_wait(response)
            if wait is None or wait > _LONGEST_WAIT:
                return response
            await asyncio.sleep(wait.total_seconds())
        return await self._once(build())

    async def _once(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._client.send(request)
        except httpx.HTTPError as exc:
            raise ApiUnavailable(f"{request.url.copy_with(query=None)} cannot be reached ({type(exc).__name__})") from exc


def parsed(response: httpx.Response, answer: type[Answer]) -> Answer:
    """The body as a schema; raises ApiUnavailable for any other form."""
    try:
        return answer.model_validate_json(response.content)
    except ValidationError as exc:
        raise ApiUnavailable(f"{response.request.url.path} answered in a form that is not the API's") from exc


def _asked_to_wait(response: httpx.Response) -> timedelta | None:
    seconds = response.headers.get("Retry-After", "")
    limited = response.status_code == http.HTTPStatus.TOO_MANY_REQUESTS
    return timedelta(seconds=int(seconds)) if limited and seconds.isdecimal() and len(seconds) < 6 else None


def _failure(response: httpx.Response) -> PlatformError:
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return ApiUnavailable(f"{response.request.url.path} answered {response.status_code}")
    if response.status_code >= http.HTTPStatus.INTERNAL_SERVER_ERROR or problem.code is Code.RATE_LIMITED:
        return ApiUnavailable(problem.detail)
    return ApiRefused(problem.code, problem.detail)
