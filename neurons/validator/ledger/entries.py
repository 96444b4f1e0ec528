"""The ledger's entries: the next one from a round's evidence, each again from receipts and inputs alone, and all of it in the log."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import structlog

from neurons.validator.ledger import eligibility
from neurons.validator.ledger.receipt_check import ReceiptCheck
from scoring.competition import Competition, Schedule
from scoring.ranking import fold, speed
from scoring.ranking.duel import IN_WORDS, DuelOutcome, EndedDuel
from scoring.ranking.round_result import Judged, LedgerVerdict, RoundResult
from scoring.ranking.state import Inputs, State, chain_hash
from scoring.receipts import parse, receipt
from scoring.receipts.certificate import Trust
from scoring.receipts.receipt import ReceiptInvalid
from scoring.types import Block, Entrant, RoundNumber, entrant
from voice_api.db.ledger import LedgerEntry
from voice_api.db.rounds import RoundEvidence
from voice_api.db.rows import JsonObject
from voice_api.errors import LedgerInvalid

log = structlog.get_logger()
_ADVICE = (
    "Compare VOICE_TRUST with the issuer of the workers' certificates, and see whether those ran out or were revoked. Then "
    "`voice validator ledger reset` lets the rounds be folded again."
)

Receipts = Mapping[str, JsonObject]
"""Receipts by their hashes."""


def fold_round(head: LedgerEntry | None, found: RoundEvidence, rules: Competition, trust: Trust) -> LedgerEntry:
    """The ledger's next entry from a closed round: an evaluation counts only if its receipt holds and agrees with its row.

    All other evaluations are absent: nothing is lost by them, and each receipt that does not count is named with the reason.
    """
    check = ReceiptCheck(found.round, rules, trust)
    counted: dict[str, str] = {}
    receipts: dict[str, JsonObject] = {}
    distrusted: dict[Entrant, str] = {}
    judged: set[Entrant] = set()
    known = set(() if head is None else head.state.known)
    for result in found.results:
        name = entrant(result.hotkey, result.commit_block)
        known.add(name)
        if result.receipt is None:
            continue
        try:
            if name in judged:
                raise ReceiptInvalid("another receipt of it counts in this round")
            check.accepted_scores(result)
        except ReceiptInvalid as exc:
            distrusted[name] = str(exc)
        else:
            key = str(result.receipt_hash)
            counted[key], receipts[key] = result.tiebreak, result.receipt
            judged.add(name)
    inputs = Inputs(
        start=found.round.start_block,
        block=None if found.eligibility is None else found.eligibility.block,
        competition_hash=rules.hash,
        counted=counted,
        distrusted=distrusted,
        gone=eligibility.gone(found.eligibility, known),
    )
    return next_entry(head, found.round.round, inputs, receipts, rules)


def next_entry(
    head: LedgerEntry | None, number: RoundNumber, inputs: Inputs, receipts: Receipts, rules: Competition
) -> LedgerEntry:
    """The entry that follows from the head (None: there is none yet), a round's inputs and the receipts that it counts.

    Raises ValueError, for a receipt ReceiptInvalid, where something is not of this round, and KeyError for a receipt that is missing.
    Whether a receipt's signature and evidence hold is decided before (see `neurons.validator.ledger.receipt_check`).
    """
    before = State() if head is None else head.state
    judged = [_judged(receipts[name], name, tiebreak, number, rules) for name, tiebreak in inputs.counted.items()]
    after = fold.fold(before, RoundResult(number, inputs.start, judged, inputs.gone), rules)
    previous = "" if head is None else head.state_hash
    return LedgerEntry(round=number, state_hash=chain_hash(previous, after), previous=previous, state=after, inputs=inputs)


def replay_chain(entries: Iterable[LedgerEntry], receipts: Receipts, schedule: Schedule) -> Iterator[LedgerEntry]:
    """Each entry computed again, from the first one on, by nothing but inputs and receipts.

    Raises LedgerInvalid at the first that differs: entries before it hold.
    """
    head: LedgerEntry | None = None
    for entry in entries:
        head = replay_entry(head, entry, receipts, schedule)
        yield head


def replay_entry(head: LedgerEntry | None, entry: LedgerEntry, receipts: Receipts, schedule: Schedule) -> LedgerEntry:
    """The entry after the head, computed again; raises LedgerInvalid if it differs."""
    try:
        rules = schedule.at(entry.round)
        used = entry.inputs.competition_hash
        if used != rules.hash:
            raise LedgerInvalid(f"round {entry.round} was folded under other rules: {used}, not {rules.hash}")
        found = next_entry(head, entry.round, entry.inputs, receipts, rules)
    except KeyError as exc:
        raise LedgerInvalid(f"round {entry.round}: the receipt {exc.args[0]} is missing") from exc
    except (TypeError, ValueError) as exc:
        raise LedgerInvalid(f"round {entry.round}: {exc}") from exc
    if found != entry:
        raise LedgerInvalid(f"round {entry.round} folds to {found.state_hash}, and the ledger says {entry.state_hash}")
    return found


def log_entry(entry: LedgerEntry) -> None:
    """Say everything that an entry decided: receipts that do not count, submissions that left, duels that ended, the king."""
    for name, reason in entry.inputs.distrusted.items():
        log.error("receipt refused", entrant=name, reason=reason)
    if entry.inputs.refusal:
        log.error("weights hold the last plan", round=entry.round, why=entry.inputs.refusal, advice=_ADVICE)
    for name, reason in entry.inputs.gone.items():
        log.info("submission gone", entrant=name, reason=reason)
    for duel in entry.state.ended:
        _log_duel(duel)
    log.info("round folded", round=entry.round, king=entry.king, throne=entry.state.throne, ledger=entry.state_hash)


def _log_duel(duel: EndedDuel) -> None:
    event = "challenger crowned" if duel.outcome is DuelOutcome.CROWNED else "challenge ended"
    facts: dict[str, Any] = {"challenger": duel.entrant, "king": duel.king, "outcome": duel.outcome.value}
    evidence = {"wealth": duel.wealth, "threshold": duel.threshold, "rounds": duel.rounds, "groups": duel.groups}
    log.info(event, **facts, why=IN_WORDS[duel.outcome].why, **evidence)


def _judged(document: JsonObject, name: str, tiebreak: str, number: RoundNumber, rules: Competition) -> Judged:
    """The ledger's part of a receipt; nothing else says it."""
    claims = {"round": number, "competition_hash": rules.hash}
    groups = receipt.check(document, name, document["score"], claims)
    subject, _, finding, circumstances = parse.read(document)
    asked = rules.groups(subject.block_hash)
    block = Block(subject.commit_block)
    return Judged(
        entrant=entrant(subject.hotkey, block),
        hotkey=subject.hotkey,
        commit_block=block,
        tiebreak=tiebreak,
        tensors=finding.tensors_hash,
        verdict=LedgerVerdict.SCORED if groups else LedgerVerdict.REJECTED,
        groups=groups,
        speed=speed.speed(circumstances.timings, asked) if groups else 0,
        reason="" if groups else finding.reason or "",
    )
