"""The voice API's client: requests signed by the wallet's hotkey, answers parsed by the API's own schemas."""

import asyncio
import http
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Self, TypeVar
from uuid import UUID

import bittensor as bt
import httpx
from bittensor import http_auth
from pydantic import BaseModel, ValidationError

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey, SubmissionId
from voice_api.db.records import NewSubmission, RegistrySnapshot
from voice_api.schemas import (
    MOST_ROWS,
    MOST_SUBMISSIONS,
    LeaderboardOut,
    LeaderboardRowOut,
    Problem,
    QueuePage,
    QueueRowOut,
    RegistryIn,
    RegistryOut,
    SubmissionDetail,
    SubmissionIn,
    SubmissionOut,
    SubmissionPage,
    SubmissionsIn,
    SubmissionsOut,
    ValidationOut,
)

Answer = TypeVar("Answer", bound=BaseModel)
_TRIES = 5
_LONGEST_WAIT = timedelta(seconds=30)
"""What is asked to come back later than this is told to the caller."""


class ApiUnavailable(PlatformError):
    """The API cannot be reached, or cannot serve now: try again later."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.API_UNAVAILABLE, detail)


class ApiRefused(PlatformError):
    """The API will not do this, however often it is asked; `code` and `detail` are its own."""


class VoiceApi:
    """Reading takes nothing; writing signs with the wallet's hotkey for `receiver_hotkey`, the hotkey that the API answers as.

    Every method raises ApiUnavailable or ApiRefused. Asked to slow down (429), it waits as long as the API says, some times. Use it
    as an async context manager.
    """

    def __init__(
        self,
        url: str,
        wallet: bt.Wallet | None = None,
        receiver_hotkey: str = "",
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

    async def send_registry(self, snapshot: RegistrySnapshot) -> bool:
        """Send the subnet's neurons; False when the API holds a snapshot as new or newer."""
        body = RegistryIn.model_validate(snapshot, from_attributes=True)
        return (await self._write("/v1/registry", body, RegistryOut)).stored

    async def send_submissions(self, submissions: list[NewSubmission]) -> list[SubmissionId]:
        """Send commitments, in as many requests as it takes; their ids in the order given."""
        items = [SubmissionIn.model_validate(submission, from_attributes=True) for submission in submissions]
        ids: list[SubmissionId] = []
        for start in range(0, len(items), MOST_SUBMISSIONS):
            body = SubmissionsIn(submissions=tuple(items[start : start + MOST_SUBMISSIONS]))
            ids.extend((await self._write("/v1/submissions", body, SubmissionsOut)).ids)
        return ids

    async def submission(self, submission_id: SubmissionId) -> SubmissionDetail:
        """One submission with its evaluations."""
        return await self._read(f"/v1/submissions/{submission_id}", SubmissionDetail)

    async def submissions(self, hotkey: Hotkey | None = None) -> list[SubmissionOut]:
        """Every submission, or every one of a hotkey, oldest first."""
        found: list[SubmissionOut] = []
        after: int | None = 0
        while after is not None:
            filters = {"hotkey": hotkey} if hotkey else {}
            page = await self._read("/v1/submissions", SubmissionPage, after=after, limit=MOST_ROWS, **filters)
            found.extend(page.items)
            after = page.next
        return found

    async def queue(self) -> list[QueueRowOut]:
        """What runs and what waits, in the order in which it is served."""
        found: list[QueueRowOut] = []
        after: int | None = 0
        while after is not None:
            page = await self._read("/v1/queue", QueuePage, after=after, limit=MOST_ROWS)
            found.extend(page.items)
            after = page.next
        return found

    async def leaderboard(self, limit: int = 100) -> list[LeaderboardRowOut]:
        """The public table."""
        return list((await self._read("/v1/leaderboard", LeaderboardOut, limit=limit)).rows)

    async def validate(self, upload: bytes, text: str, description: str) -> ValidationOut:
        """Ask for a sound file to be judged as the answer to one prompt."""
        target = f"/v1/validations?{httpx.QueryParams(text=text, description=description)}"
        return await self._send(lambda: self._signed("POST", target, upload, "application/octet-stream"), ValidationOut)

    async def validation(self, validation_id: UUID) -> ValidationOut:
        """What became of it."""
        return await self._read(f"/v1/validations/{validation_id}", ValidationOut)

    async def _read(self, path: str, answer: type[Answer], **query: str | int) -> Answer:
        return await self._send(lambda: self._client.build_request("GET", path, params=query or None), answer)

    async def _write(self, path: str, body: BaseModel, answer: type[Answer]) -> Answer:
        content = body.model_dump_json().encode()
        return await self._send(lambda: self._signed("POST", path, content), answer)

    def _signed(self, method: str, target: str, content: bytes = b"", kind: str = "application/json") -> httpx.Request:
        """A request with a signature of its own: each may be served once."""
        if self._wallet is None:
            raise ValueError("writing takes a wallet")
        request = self._client.build_request(method, target, content=content, headers={"Content-Type": kind})
        path = request.url.raw_path.decode("ascii")
        request.headers.update(http_auth.sign(self._wallet, method=method, path=path, body=content, receiver_ss58=self._receiver))
        return request

    async def _send(self, build: Callable[[], httpx.Request], answer: type[Answer]) -> Answer:
        response = await self._patient(build)
        if not response.is_success:
            raise _failure(response)
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as exc:
            raise ApiUnavailable(f"{response.request.url.path} answered in a form that is not the API's") from exc

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
