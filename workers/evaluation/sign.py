"""Who answers for what a worker judged: its certified key, and the store that keeps the evidence."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from scoring.audio.spoken import Spoken
from scoring.competition import Competition
from scoring.errors import Code, InfrastructureFault
from scoring.receipts import receipt
from scoring.receipts.certificate import CertificateInvalid, check_time
from scoring.receipts.receipt import Circumstances, Finding, Signed, Signer, Subject
from scoring.receipts.store import AudioStore

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

    def sign(self, subject: Subject, finding: Finding, here: Circumstances, competition: Competition) -> Signed:
        """The signed receipt, kept.

        Raises InfrastructureFault: CERTIFICATE_EXPIRED when nobody would count the signature, STORE_UNAVAILABLE.
        """
        self.check(here.judged_at)
        signed = receipt.sign(receipt.build(subject, finding, here), self.signer)
        self.store.keep_evidence(signed, competition)
        return signed

    def check(self, now: datetime) -> None:
        """Raise InfrastructureFault(CERTIFICATE_EXPIRED) unless what is signed now (an aware time) counts."""
        try:
            check_time(self.signer.certificate, now)
            check_time(self.signer.certificate, now + _TIME_TO_WRITE)
        except CertificateInvalid as exc:
            raise InfrastructureFault(Code.CERTIFICATE_EXPIRED, str(exc)) from exc
