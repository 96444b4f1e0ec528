"""The receipt of an evaluation: built from its finding and this machine, signed by the worker's certified key, kept with its audio."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scoring.audio.spoken import Spoken
from scoring.competition import Competition
from scoring.errors import Code, InfrastructureFault
from scoring.receipts import receipt
from scoring.receipts.certificate import CertificateInvalid, check_time
from scoring.receipts.receipt import Circumstances, Finding, Placement, Signed, Signer, Subject
from scoring.receipts.store import AudioStore
from scoring.types import SubmissionId
from voice_api.db.evaluations import Verdict
from voice_api.db.states import VerdictState
from workers.evaluation.hardware import describe_hardware

_TIME_TO_WRITE = timedelta(minutes=1)
"""A verdict reaches the database a little after it was signed; by then the certificate must still hold."""


@dataclass(frozen=True, slots=True)
class ReceiptSigner:
    """Signs receipts, and keeps them with the audio that they are about."""

    signer: Signer
    store: AudioStore

    def keep(self, spoken: Iterable[Spoken]) -> None:
        """Keep the audio of every sample that has some; raises InfrastructureFault(STORE_UNAVAILABLE)."""
        for sample in spoken:
            if sample.pcm:
                self.store.keep_audio(sample)

    def verdict(
        self,
        subject: Subject,
        competition: Competition,
        placement: Placement | None,
        finding: Finding,
        *,
        copy_of: SubmissionId | None = None,
        timings: Mapping[str, float] | None = None,
    ) -> Verdict:
        """The verdict of a finding, with its signed and kept receipt; `timings` are wall-clock seconds by stage.

        Raises InfrastructureFault: CERTIFICATE_EXPIRED when the signature would not count, STORE_UNAVAILABLE.
        """
        here = Circumstances(describe_hardware(), datetime.now(UTC), timings or {})
        self._check_certificate(here.judged_at)
        signed = receipt.sign(receipt.build(subject, placement, finding, here), self.signer)
        self.store.keep_evidence(signed, competition)
        return verdict_of(signed, placement, finding, copy_of)

    def _check_certificate(self, now: datetime) -> None:
        try:
            check_time(self.signer.certificate, now)
            check_time(self.signer.certificate, now + _TIME_TO_WRITE)
        except CertificateInvalid as exc:
            raise InfrastructureFault(Code.CERTIFICATE_EXPIRED, str(exc)) from exc


def verdict_of(signed: Signed, placement: Placement | None, finding: Finding, copy_of: SubmissionId | None = None) -> Verdict:
    """The verdict that a signed receipt is the evidence of."""
    rejection = VerdictState.REJECTED if copy_of is None else VerdictState.COPY
    return Verdict(
        state=VerdictState.SCORED if finding.code is None else rejection,
        receipt=signed.receipt,
        receipt_hash=receipt.digest(signed.receipt),
        signature=signed.signature,
        certificate=signed.certificate.to_json(),
        code=finding.code,
        reason=finding.reason,
        content_hash=finding.content_hash,
        tensors_hash=finding.tensors_hash,
        copy_of=copy_of,
        report=finding.report,
        family=None if placement is None else placement.family,
        track=None if placement is None else placement.track,
    )
