"""The voice API's client: a method for each operation, signed by the wallet's hotkey, answers parsed by the API's own schemas."""

import asyncio
import http
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self, TypeVar
from uuid import UUID

import bittensor as bt
import httpx
from bittensor import http_auth
from pydantic import BaseModel, ValidationError

from scoring.broken_connections import why_broken
from scoring.errors import Code, PlatformError
from scoring.types import Block, EvaluationId, Hotkey, RoundNumber, SubmissionId, Uid
from voice_api.db.registry import RegistrySnapshot
from voice_api.db.submissions import NewSubmission
from voice_api.schemas import (
    MOST_ROWS,
    MOST_SUBMISSIONS,
    CommitmentIn,
    CommitmentOut,
    CommitmentsIn,
    CommitmentsOut,
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
from voice_api.schemas.copies import NearCopyOut, NearCopyPage
from voice_api.schemas.duels import DuelDetail, DuelOut, DuelPage
from voice_api.schemas.errors import CodeRow, CodeTable
from voice_api.schemas.evaluations import EvaluationOut, EvaluationPage
from voice_api.schemas.leaderboard import UidExplanationOut
from voice_api.schemas.ledger import LedgerEntryOut, LedgerPage
from voice_api.schemas.operations import ORDERS, Order, Ordered, StuckOut, StuckPage, Verb, WorkerOut, WorkersOut
from voice_api.schemas.prompts import RoundPromptsOut
from voice_api.schemas.readiness import Readiness
from voice_api.schemas.receipts import SampleOut, SamplePage
from voice_api.schemas.rounds import EvidenceOut, RoundOut, RoundPage
from voice_api.schemas.speech import SpeechIn, SpeechOut
from voice_api.schemas.status import StatusOut
from voice_api.schemas.submissions import EventOut, EventPage
from voice_api.schemas.weights import WeightsDetail, WeightsPage
from voice_api.schemas.wire import Item, Page

Answer = TypeVar("Answer", bound=BaseModel)
_JSON = "application/json"
_OCTETS = "application/octet-stream"
_TRIES = 5
MOST_BYTES = 256 << 20
"""Of one answer: a whole round's evidence is the longest."""
LONGEST_ANSWER = timedelta(minutes=10)
_OF_TRANSFER = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers about the bytes on the way, which are unpacked here."""
_LONGEST_WAIT = timedelta(seconds=30)
"""The longest pause that is waited out; a longer one is the caller's to know."""


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
        receiver_hotkey: str | None = None,
        timeout: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        most_bytes: int = MOST_BYTES,
        longest_answer: timedelta = LONGEST_ANSWER,
    ) -> None:
        self._wallet, self._receiver = wallet, receiver_hotkey
        self._most_bytes, self._longest_answer = most_bytes, longest_answer
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

    async def known_commitments(self, commitments: Sequence[tuple[Hotkey, Block]]) -> list[CommitmentOut]:
        """Ask what is recorded of commitments (hotkey and commit block), in as few requests as it takes; in the order given."""
        asked = [CommitmentIn(hotkey=hotkey, commit_block=block) for hotkey, block in commitments]
        found: list[CommitmentOut] = []
        for start in range(0, len(asked), MOST_SUBMISSIONS):
            body = CommitmentsIn(commitments=tuple(asked[start : start + MOST_SUBMISSIONS]))
            found.extend((await self._write("/v1/submissions/known", body, CommitmentsOut)).commitments)
        return found

    async def submission(self, submission_id: SubmissionId) -> SubmissionDetail:
        """One submission with its evaluations."""
        return await self._read(f"/v1/submissions/{submission_id}", SubmissionDetail)

    async def events(self, submission_id: SubmissionId) -> list[EventOut]:
        """The events of a submission and its evaluations, oldest first."""
        return await self._all(f"/v1/submissions/{submission_id}/events", EventPage)

    async def submissions(self, hotkey: Hotkey | None = None) -> list[SubmissionOut]:
        """Every submission, or every one of a hotkey, oldest first."""
        return await self._all("/v1/submissions", SubmissionPage, hotkey=hotkey)

    async def queue(self) -> list[QueueRowOut]:
        """Running and waiting evaluations, in the order in which they are served."""
        return await self._all("/v1/queue", QueuePage)

    async def leaderboard(self, limit: int = 100, track: str | None = None, search: str | None = None) -> list[LeaderboardRowOut]:
        """The first rows of the public table, of a track and with a text in hotkey, repository or uid if asked."""
        return list((await self._read("/v1/leaderboard", LeaderboardOut, limit=limit, track=track, search=search)).rows)

    async def explain(self, uid: Uid) -> UidExplanationOut:
        """Why a uid gets what it gets."""
        return await self._read(f"/v1/explain/{uid}", UidExplanationOut)

    async def duels(self, track: str | None = None, hotkey: Hotkey | None = None) -> list[DuelOut]:
        """Every duel, of a track and of a hotkey on either side if asked, the one that opened last first."""
        return await self._all("/v1/duels", DuelPage, track=track, hotkey=hotkey)

    async def duel(self, track: str, opened: RoundNumber) -> DuelDetail:
        """A duel by its track and the round at whose end it opened: its curve, and the groups that decided."""
        return await self._read(f"/v1/duels/{track}/{opened}", DuelDetail)

    async def validate(self, upload: bytes, text: str, description: str, key: str | None = None) -> ValidationOut:
        """Ask for a sound file to be judged as the answer to one prompt; sent again under the same `key` it is not judged twice."""
        target = f"/v1/validations?{httpx.QueryParams(text=text, description=description)}"
        return await self._send(lambda: self._signed("POST", target, upload, _OCTETS, key), ValidationOut)

    async def validation(self, validation_id: UUID) -> ValidationOut:
        """A validation as it stands: waiting, running, judged or failed."""
        return await self._read(f"/v1/validations/{validation_id}", ValidationOut)

    async def say(self, asked: SpeechIn) -> SpeechOut:
        """Ask for a sentence in a model's voice; it takes no signature."""
        content = asked.model_dump_json().encode()
        headers = {"Content-Type": _JSON}
        return await self._send(
            lambda: self._client.build_request("POST", "/v1/speech", content=content, headers=headers), SpeechOut
        )

    async def speech(self, speech_id: UUID) -> SpeechOut:
        """A sentence as it stands: waiting, running, spoken or failed."""
        return await self._read(f"/v1/speech/{speech_id}", SpeechOut)

    async def speech_audio(self, speech_id: UUID, kind: str) -> bytes:
        """A sentence's sound as a file of a kind: flac, wav, opus, mp3 or pcm."""
        return await self._bytes(f"/v1/speech/{speech_id}/audio?format={kind}")

    async def rounds(self, after: RoundNumber | None = None, limit: int = 50) -> RoundPage:
        """A page of rounds, oldest first."""
        return await self._read("/v1/rounds", RoundPage, after=after, limit=limit)

    async def round(self, number: RoundNumber) -> RoundOut:
        """One round."""
        return await self._read(f"/v1/rounds/{number}", RoundOut)

    async def prompts(self, number: RoundNumber) -> RoundPromptsOut:
        """What a round asked of each track."""
        return await self._read(f"/v1/rounds/{number}/prompts", RoundPromptsOut)

    async def evidence(self, number: RoundNumber) -> EvidenceOut:
        """A round's evidence: everything that a validator folds into its ledger."""
        return await self._read(f"/v1/rounds/{number}/evidence", EvidenceOut)

    async def ledger(self, after: RoundNumber | None = None, limit: int = 50, validator: Hotkey | None = None) -> LedgerPage:
        """A page of a validator's ledger (the API's own), oldest first."""
        return await self._read("/v1/ledger", LedgerPage, after=after, limit=limit, validator=validator)

    async def ledger_entry(self, number: RoundNumber, validator: Hotkey | None = None) -> LedgerEntryOut:
        """One entry of a validator's ledger."""
        return await self._read(f"/v1/ledger/{number}", LedgerEntryOut, validator=validator)

    async def weights(self, before: int | None = None, limit: int = 20, validator: Hotkey | None = None) -> WeightsPage:
        """A page of a validator's attempts to set weights, newest first."""
        return await self._read("/v1/weights", WeightsPage, before=before, limit=limit, validator=validator)

    async def weights_of(self, snapshot_hash: str) -> WeightsDetail:
        """The first attempt that was made from a snapshot, with the snapshot and the plan."""
        return await self._read(f"/v1/weights/{snapshot_hash}", WeightsDetail)

    async def evaluations(
        self,
        after: int = 0,
        limit: int = 50,
        of_round: RoundNumber | None = None,
        submission: SubmissionId | None = None,
    ) -> EvaluationPage:
        """A page of evaluations, oldest first; of one round or submission if asked."""
        return await self._read(
            "/v1/evaluations", EvaluationPage, after=after, limit=limit, round=of_round, submission=submission
        )

    async def evaluation(self, evaluation_id: EvaluationId) -> EvaluationOut:
        """One evaluation."""
        return await self._read(f"/v1/evaluations/{evaluation_id}", EvaluationOut)

    async def samples(self, evaluation_id: EvaluationId) -> list[SampleOut]:
        """Everything that was said in an evaluation, in the round's own order."""
        return await self._all(f"/v1/evaluations/{evaluation_id}/samples", SamplePage)

    async def receipt(self, receipt_hash: str) -> bytes:
        """A signed receipt as the file that `voice verify` takes."""
        return await self._bytes(f"/v1/receipts/{receipt_hash}")

    async def receipt_samples(self, receipt_hash: str) -> list[SampleOut]:
        """The samples that a receipt lists, with what was asked, in the round's own order."""
        return await self._all(f"/v1/receipts/{receipt_hash}/samples", SamplePage)

    async def audio(self, pcm_sha256: str) -> bytes:
        """A sample's audio: a FLAC file."""
        return await self._bytes(f"/v1/samples/{pcm_sha256}")

    async def codes(self) -> list[CodeRow]:
        """Every code with what it means."""
        return list((await self._read("/v1/errors", CodeTable)).rows)

    async def readiness(self) -> Readiness:
        """Whether the API can serve, part by part; also when it cannot."""
        response = await self._once(self._client.build_request("GET", "/readyz"))
        return _parsed(response, Readiness)

    async def status(self) -> StatusOut:
        """How the whole service stands, and the hotkey that it answers as."""
        return await self._read("/v1/status", StatusOut)

    async def order(self, verb: Verb, order: Order, key: str | None = None) -> Ordered:
        """Order something as an operator; `verb` decides what kind of order it takes. The same `key` does it once."""
        if type(order) is not ORDERS[verb]:
            raise TypeError(f"{verb} takes a {ORDERS[verb].__name__}")
        return await self._write(f"/v1/operator/{verb}", order, Ordered, key)

    async def near_copies(self, *, undecided: bool = False) -> list[NearCopyOut]:
        """Near-copies by the id of the submission: all, or those that wait for an operator."""
        return await self._all("/v1/near-copies", NearCopyPage, undecided=str(undecided).lower())

    async def near_copy(self, submission_id: SubmissionId) -> NearCopyOut:
        """The evidence on one submission that was set aside as a near-copy."""
        return await self._read(f"/v1/near-copies/{submission_id}", NearCopyOut)

    async def stuck(self) -> list[StuckOut]:
        """Everything that waits for an operator, asked by one."""
        return await self._all("/v1/operator/stuck", StuckPage, signed=True)

    async def workers(self) -> tuple[WorkerOut, ...]:
        """Every live worker, asked by an operator."""
        return (await self._read("/v1/operator/workers", WorkersOut, signed=True)).workers

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
        after: int | str | None = None
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
        return _parsed(response, answer)

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
        """One answer, whole. It may be another validator's: its size and its time are bounded, whatever it announces."""
        address = request.url.copy_with(query=None)
        try:
            async with asyncio.timeout(self._longest_answer.total_seconds()):
                response = await self._client.send(request, stream=True)
                try:
                    content = await _content(response, self._most_bytes)
                finally:
                    await response.aclose()
        except httpx.HTTPError as exc:
            raise ApiUnavailable(f"{address} cannot be reached ({why_broken(exc)})") from exc
        except TimeoutError as exc:
            raise ApiUnavailable(f"{address} did not end its answer in {self._longest_answer}") from exc
        headers = {name: value for name, value in response.headers.items() if name not in _OF_TRANSFER}
        return httpx.Response(response.status_code, headers=headers, content=content, request=request)


async def _content(response: httpx.Response, most_bytes: int) -> bytes:
    """The body, unpacked; raises ApiUnavailable for one beyond all that an API has to say."""
    received = bytearray()
    async for chunk in response.aiter_bytes():
        received += chunk
        if len(received) > most_bytes:
            raise ApiUnavailable(f"{response.request.url.copy_with(query=None)} answered with more than {most_bytes} bytes")
    return bytes(received)


def _parsed(response: httpx.Response, answer: type[Answer]) -> Answer:
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
        return ApiUnavailable(
            f"{response.request.url.copy_with(query=None)} answered {response.status_code}, and not as a voice API does"
        )
    if response.status_code >= http.HTTPStatus.INTERNAL_SERVER_ERROR or problem.code is Code.RATE_LIMITED:
        return ApiUnavailable(problem.detail)
    return ApiRefused(problem.code, problem.detail)
