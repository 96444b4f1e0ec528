"""The sample of another validator's evaluations that is judged again: nobody can know it while they are judged."""

import hashlib
from collections.abc import Iterator

from scoring.receipts.certificate import Certificate
from scoring.types import BlockHash, Hotkey, entrant
from voice_api.db.audits import Drawn
from voice_api.db.ledger import LedgerEntry
from voice_api.db.rounds import RoundEvidence

DEEP = 0.2
"""In this share of the sample the model speaks again."""
_WHOLE = 1 << 64


def draw(me: Hotkey, closed_at: BlockHash, entry: LedgerEntry, found: RoundEvidence, rate: float) -> Iterator[Drawn]:
    """Draw from a round's counted evaluations, each by its own lot.

    This validator and the hash of the block at which the round closed seed the lots. No worker knows that hash while it judges, and no
    two validators draw the same; anybody can draw again. A refusal has no audio: its model is fetched and refused again.
    """
    seed = hashlib.sha256(f"{me}\n{closed_at}".encode()).digest()
    for result in found.results:
        if result.receipt_hash is None or result.receipt_hash not in entry.inputs.counted:
            continue
        lot = int.from_bytes(hashlib.sha256(seed + result.receipt_hash.encode()).digest()[:8], "big") / _WHOLE
        if lot >= rate:
            continue
        key = Certificate.from_json(result.certificate)
        level = 3 if not result.groups or lot < rate * DEEP else 2
        name = entrant(result.hotkey, result.commit_block)
        yield Drawn(
            receipt_hash=result.receipt_hash,
            round=found.round.round,
            entrant=name,
            service=key.service,
            host=key.host,
            level=level,
        )
