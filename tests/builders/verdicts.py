"""Builders of what an evaluation's verdict needs: a signer of receipts whose key nobody asks about, and a lineage without a past."""

from datetime import UTC, datetime
from pathlib import Path

from scoring.model.sketch import SketchKey
from scoring.store.folder import FolderFiles
from scoring.types import ContentHash, TensorsHash
from tests.builders.certificates import a_certificate
from voice_api.db.copies import NearCopyOrder, SketchRecord
from voice_api.db.evaluations import Claim
from voice_api.keys import CertifiedKey, ServiceKey
from workers.evaluation.audio_store import EvidenceStore
from workers.evaluation.evaluate import JudgedModel
from workers.evaluation.receipt_signer import ReceiptSigner

SKETCH_KEY = SketchKey(1, bytes(range(32)))


def self_certified(folder: Path) -> ReceiptSigner:
    """A signer whose key certified itself; key and sounds lie in the folder."""
    key = ServiceKey.at(folder / "service.key")
    return ReceiptSigner(CertifiedKey(key, a_certificate(key, key, datetime.now(UTC))), EvidenceStore(FolderFiles(folder)))


class NobodyBefore:
    """A lineage in which nobody committed the model before."""

    def earlier(self, _claim: Claim, _content: ContentHash, _tensors: TensorsHash) -> None:
        """There is none."""

    def key(self) -> SketchKey:
        """Known to everybody."""
        return SKETCH_KEY

    def near(self, judged: JudgedModel) -> tuple[SketchRecord, tuple[NearCopyOrder, ...]]:
        """None is near."""
        return SketchRecord(judged.key.id, (), judged.sketch.to_bytes()), ()
