"""The voice API's client: a method for each operation, answers parsed by the API's own schemas."""

from collections.abc import Sequence
from uuid import UUID

import httpx

from neurons.api_client.connection import ApiRefused as ApiRefused
from neurons.api_client.connection import ApiUnavailable as ApiUnavailable
from neurons.api_client.connection import Connection, parsed
from scoring.types import Block, EvaluationId, Hotkey, RoundNumber, SubmissionId
from voice_api.db.registry import RegistrySnapshot
from voice_api.db.submissions import NewSubmission
from voice_api.schemas import (
    MOST_SUBMISSIONS,
    CommitmentIn,
    CommitmentOut,
    CommitmentsIn,
    CommitmentsOut,
    LeaderboardOut,
    LeaderboardRowOut,
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
from voice_api.schemas.errors import CodeRow, CodeTable
from voice_api.schemas.evaluations import EvaluationOut, EvaluationPage
from voice_api.schemas.ledger import LedgerEntryOut, LedgerPage
from voice_api.schemas.operations import ORDERS, Order, Ordered, StuckOut, StuckPage, Verb, WorkerOut, WorkersOut
from voice_api.schemas.readiness import Readiness
from voice_api.schemas.receipts import SampleOut, SamplePage
from voice_api.schemas.rounds import EvidenceOut, RoundOut, RoundPage
from voice_api.schemas.submissions import EventOut, EventPage
from voice_api.schemas.weights import WeightsDetail, WeightsPage

_OCTETS = "application/octet-stream"


class VoiceApi(Connection):
    """Reading takes nothing; writing signs with the wallet's hotkey for `receiver_hotkey`, the hotkey that the API answers as.

    Every method raises ApiUnavailable or ApiRefused. Asked to slow down (429), it waits as long as the API says, some times. Use it
    as an async context manager.
    """

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

    async def leaderboard(self, limit: int = 100) -> list[LeaderboardRowOut]:
        """The public table."""
        return list((await self._read("/v1/leaderboard", LeaderboardOut, limit=limit)).rows)

    async def validate(self, upload: bytes, text: str, description: str, key: str | None = None) -> ValidationOut:
        """Ask for a sound file to be judged as the answer to one prompt; sent again under the same `key` it is not judged twice."""
        target = f"/v1/validations?{httpx.QueryParams(text=text, description=description)}"
        return await self._send(lambda: self._signed("POST", target, upload, _OCTETS, key), ValidationOut)

    async def validation(self, validation_id: UUID) -> ValidationOut:
        """A validation as it stands: waiting, running, judged or failed."""
        return await self._read(f"/v1/validations/{validation_id}", ValidationOut)

    async def rounds(self, after: RoundNumber | None = None, limit: int = 50) -> RoundPage:
        """A page of rounds, oldest first."""
        return await self._read("/v1/rounds", RoundPage, after=after, limit=limit)

    async def round(self, number: RoundNumber) -> RoundOut:
        """One round."""
        return await self._read(f"/v1/rounds/{number}", RoundOut)

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

    async def audio(self, pcm_sha256: str) -> bytes:
        """A sample's audio: a FLAC file."""
        return await self._bytes(f"/v1/samples/{pcm_sha256}")

    async def codes(self) -> list[CodeRow]:
        """Every code with what it means."""
        return list((await self._read("/v1/errors", CodeTable)).rows)

    async def readiness(self) -> Readiness:
        """Whether the API can serve, part by part; also when it cannot."""
        response = await self._once(self._client.build_request("GET", "/readyz"))
        return parsed(response, Readiness)

    async def order(self, verb: Verb, order: Order, key: str | None = None) -> Ordered:
        """Order something as an operator; `verb` decides what kind of order it takes. The same `key` does it once."""
        if type(order) is not ORDERS[verb]:
            raise TypeError(f"{verb} takes a {ORDERS[verb].__name__}")
        return await self._write(f"/v1/operator/{verb}", order, Ordered, key)

    async def stuck(self) -> list[StuckOut]:
        """Everything that waits for an operator, asked by one."""
        return await self._all("/v1/operator/stuck", StuckPage, signed=True)

    async def workers(self) -> tuple[WorkerOut, ...]:
        """Every live worker, asked by an operator."""
        return (await self._read("/v1/operator/workers", WorkersOut, signed=True)).workers
