"""How the validator takes a closed round into its ledger: what counts, what does not and why, who left."""

from collections.abc import Sequence
from typing import Any

from neurons.validator.ledger import eligibility
from neurons.validator.ledger.receipt_check import Admission
from neurons.validator.ledger.replay import folded
from scoring.competition import Competition
from scoring.ranking.inputs import Inputs
from scoring.receipts.certificate import Trust
from scoring.receipts.receipt import ReceiptInvalid
from scoring.types import Entrant, entrant
from voice_api.db.ledger_records import LedgerEntry, Roll
from voice_api.db.rounds import EvaluationResult, Round
from voice_api.db.rows import JsonObject


def fold(
    head: LedgerEntry | None,
    closed: Round,
    called: Roll | None,
    results: Sequence[EvaluationResult],
    rules: Competition,
    trust: Trust,
) -> LedgerEntry:
    """The ledger's next entry. An evaluation counts only if its receipt holds, and says what the row says; all others are absent."""
    admission = Admission(closed, rules, trust)
    counted: dict[str, str] = {}
    receipts: dict[str, JsonObject] = {}
    distrusted: dict[Entrant, str] = {}
    judged: set[Entrant] = set()
    known = set(() if head is None else head.state.known)
    for result in results:
        name = entrant(result.hotkey, result.commit_block)
        known.add(name)
        if result.receipt is None:
            continue
        try:
            if name in judged:
                raise ReceiptInvalid("another receipt of it counts in this round")
            admission.groups(result)
        except ReceiptInvalid as exc:
            distrusted[name] = str(exc)
        else:
            key = str(result.receipt_hash)
            counted[key], receipts[key] = result.tiebreak, result.receipt
            judged.add(name)
    gone = eligibility.gone(called, known)
    block = None if called is None else called.block
    maps: dict[str, Any] = {"counted": counted, "distrusted": distrusted, "gone": gone}
    inputs = Inputs(start=closed.start_block, block=block, competition_hash=rules.hash, **maps)
    return folded(head, closed.round, inputs, receipts, rules)
