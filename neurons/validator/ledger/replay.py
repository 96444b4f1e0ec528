"""The ledger, computed from receipts and each entry's inputs alone: how a validator folds, and how anybody can do it again."""

from collections.abc import Iterable, Iterator, Mapping

from prompts.generate import generate
from scoring.competition import Competition, Schedule
from scoring.ranking import fold, speed
from scoring.ranking.inputs import Inputs
from scoring.ranking.round_result import Judged, RoundResult, Verdict
from scoring.ranking.state import State, chain_hash
from scoring.receipts import parse, receipt
from scoring.types import Block, RoundNumber, entrant
from voice_api.db.ledger_records import LedgerEntry
from voice_api.db.rows import JsonObject
from voice_api.errors import LedgerInvalid

Receipts = Mapping[str, JsonObject]
"""Receipts by their hashes."""


def folded(head: LedgerEntry | None, number: RoundNumber, inputs: Inputs, receipts: Receipts, rules: Competition) -> LedgerEntry:
    """The entry that follows the head (None: the first one); raises ValueError (for a receipt ReceiptInvalid) for what is not of it.

    Whether a receipt's signature and evidence hold is decided before (see `neurons.validator.ledger.receipt_check`).
    """
    before = State() if head is None else head.state
    judged = [_judged(receipts[name], name, tiebreak, number, rules) for name, tiebreak in inputs.counted.items()]
    after = fold.fold(before, RoundResult(number, inputs.start, judged, inputs.gone), rules)
    previous = "" if head is None else head.state_hash
    return LedgerEntry(round=number, state_hash=chain_hash(previous, after), previous=previous, state=after, inputs=inputs)


def refold(entries: Iterable[LedgerEntry], receipts: Receipts, schedule: Schedule) -> Iterator[LedgerEntry]:
    """Each entry again, from the first one on, by nothing but inputs and receipts.

    Raises LedgerInvalid at the first that is another: entries before it hold.
    """
    head: LedgerEntry | None = None
    for entry in entries:
        head = again(head, entry, receipts, schedule)
        yield head


def again(head: LedgerEntry | None, entry: LedgerEntry, receipts: Receipts, schedule: Schedule) -> LedgerEntry:
    """The entry after the head, folded again; raises LedgerInvalid if it is another."""
    try:
        inputs = entry.inputs
        rules = schedule.at(entry.round)
        if inputs.competition_hash != rules.hash:
            raise LedgerInvalid(f"round {entry.round} was folded under other rules: {inputs.competition_hash}, not {rules.hash}")
        found = folded(head, entry.round, inputs, receipts, rules)
    except KeyError as exc:
        raise LedgerInvalid(f"round {entry.round}: the receipt {exc.args[0]} is missing") from exc
    except (TypeError, ValueError) as exc:
        raise LedgerInvalid(f"round {entry.round}: {exc}") from exc
    if found != entry:
        raise LedgerInvalid(f"round {entry.round} folds to {found.state_hash}, and the ledger says {entry.state_hash}")
    return found


def _judged(document: JsonObject, name: str, tiebreak: str, number: RoundNumber, rules: Competition) -> Judged:
    """What the ledger takes from a receipt; nothing else says it."""
    claims = {"round": number, "competition_hash": rules.hash}
    groups = receipt.check(document, name, document["score"], claims)
    subject, finding, circumstances = parse.read(document)
    asked = generate(bytes.fromhex(subject.block_hash.removeprefix("0x")), rules.round.plan)
    block = Block(subject.commit_block)
    return Judged(
        entrant(subject.hotkey, block),
        subject.hotkey,
        block,
        tiebreak,
        finding.tensors_hash,
        Verdict.SCORED if groups else Verdict.REFUSED,
        groups,
        speed.speed(circumstances.timings, asked) if groups else 0,
        "" if groups else finding.reason or "",
    )
