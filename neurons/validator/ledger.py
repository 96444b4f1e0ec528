"""The ledger's entries: receipts that count become the next one, and each follows again from receipts and inputs alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from neurons.validator.refused_receipts import in_words
from prompts.groups import Group
from scoring import canonical_json
from scoring.competition import Competition, Schedule, Track
from scoring.model.fingerprint import tag_of
from scoring.ranking import fold
from scoring.ranking.duel import IN_WORDS, DuelOutcome, EndedDuel
from scoring.ranking.fold import Judged, LedgerVerdict, RoundResult
from scoring.ranking.state import Inputs, State, chain_hash
from scoring.receipts import audit, near_copies, receipt
from scoring.receipts.audit import Difference
from scoring.receipts.certificate import Certificate, CertificateInvalid, Trust
from scoring.receipts.receipt import ReceiptInvalid, Signed
from scoring.report import EvaluationReport
from scoring.scores import aggregate
from scoring.types import Block, ContentHash, Entrant, Micro, RoundNumber, entrant
from voice_api.db.database import JsonObject
from voice_api.db.ledger import LedgerEntry
from voice_api.db.rounds import Eligibility, EvaluationResult, Round, RoundEvidence
from voice_api.db.states import EvaluationState
from voice_api.errors import LedgerInvalid

log = structlog.get_logger()
_ADVICE = (
    "Install the newest release where the rules are others (`competition_hash`). Compare VOICE_TRUST with the issuer of the workers' "
    "certificates, and see whether those ran out or were revoked. Then `voice validator ledger reset` lets the rounds be folded again."
)

LEFT = "left before this ledger knew it"
"""The reason for a submission that the ledger knows and the round's eligibility does not name."""

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
    heard, refused = set[str | None](), set[str | None]()
    known = set(() if head is None else head.state.known)
    for result in found.results:
        name = entrant(result.hotkey, result.commit_block)
        known.add(name)
        if result.receipt is None:
            continue
        try:
            if name in judged:
                raise ReceiptInvalid("another receipt of it counts in this round")
            scores = check.accepted_scores(result)
        except ReceiptInvalid as exc:
            distrusted[name] = str(exc)
            refused.add(result.track)
        else:
            key = str(result.receipt_hash)
            counted[key], receipts[key] = result.tiebreak, result.receipt
            judged.add(name)
            heard |= {result.track} if scores else set()
    inputs = Inputs(
        start=found.round.start_block,
        block=None if found.eligibility is None else found.eligibility.block,
        competition_hash=rules.hash,
        counted=counted,
        distrusted=distrusted,
        gone=gone(found.eligibility, known),
        unheard=tuple(sorted({track.name for track in rules.track} & (refused - heard))),
        missing=tuple(sorted(found.missing)),
    )
    return next_entry(head, found.round.round, inputs, receipts, rules)


def gone(found: Eligibility | None, known: Iterable[Entrant]) -> dict[Entrant, str]:
    """The submissions that left, each with the reason, of those that a ledger knows and a round judged; none where nobody decided."""
    if found is None:
        return {}
    stay = frozenset(found.eligible)
    return {name: found.gone.get(name, LEFT) for name in sorted(known) if name not in stay}


def next_entry(
    head: LedgerEntry | None, number: RoundNumber, inputs: Inputs, receipts: Receipts, rules: Competition
) -> LedgerEntry:
    """The entry that follows from the head (None: there is none yet), a round's inputs and the receipts that it counts.

    Raises ValueError, for a receipt ReceiptInvalid, where something is not of this round, and KeyError for a receipt that is missing.
    Whether a receipt's signature and evidence hold is decided before (see `ReceiptCheck`).
    """
    before = State() if head is None else head.state
    judged = [_judged(receipts[name], name, tiebreak, number, rules) for name, tiebreak in inputs.counted.items()]
    after = fold.fold(before, RoundResult(number, inputs.start, judged, inputs.gone), rules)
    previous = "" if head is None else head.state_hash
    return LedgerEntry(round=number, state_hash=chain_hash(previous, after), previous=previous, state=after, inputs=inputs)


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


def log_other_rules(head: LedgerEntry | None, schedule: Schedule) -> None:
    """Say that the head was folded under other rules than those of now: what follows on it parts from the others' ledgers."""
    if head is not None and head.inputs.competition_hash != schedule.at(head.round).hash:
        log.error(
            "the round before was folded under other rules: this ledger has parted from the others'",
            round=head.round,
            advice="`voice validator ledger reset --from` the first such round lets them be folded again.",
        )


def log_entry(entry: LedgerEntry) -> None:
    """Say everything that an entry decided: receipts that do not count, submissions that left, duels that ended, the king.

    Receipts that do not count are one line, however many they are.
    """
    if entry.inputs.distrusted:
        said = "no receipt of the round counts" if entry.inputs.refusal else "receipts do not count"
        refused, counted = len(entry.inputs.distrusted), len(entry.inputs.counted)
        why = in_words(entry.inputs.distrusted)
        log.error(said, round=entry.round, refused=refused, counted=counted, why=why, advice=_ADVICE)
    for name, reason in entry.inputs.gone.items():
        log.info("submission gone", entrant=name, reason=reason)
    for state in entry.state.tracks:
        for duel in state.ended:
            _log_duel(state.track, duel)
    thrones = {state.track: state.throne for state in entry.state.tracks}
    log.info("round folded", round=entry.round, kings=dict(entry.state.kings), thrones=thrones, ledger=entry.state_hash)


def _log_duel(track: str, duel: EndedDuel) -> None:
    event = "challenger crowned" if duel.outcome is DuelOutcome.CROWNED else "challenge ended"
    facts: dict[str, Any] = {"track": track, "challenger": duel.entrant, "king": duel.king, "outcome": duel.outcome.value}
    evidence = {"wealth": duel.wealth, "threshold": duel.threshold, "rounds": duel.rounds, "groups": duel.groups}
    log.info(event, **facts, why=IN_WORDS[duel.outcome].why, **evidence)


def _judged(document: JsonObject, name: str, tiebreak: str, number: RoundNumber, rules: Competition) -> Judged:
    """The ledger's part of a receipt; nothing else says it."""
    claims = {"round": number, "competition_hash": rules.hash}
    groups = receipt.check(document, name, document["score"], claims)
    said = receipt.read(document)
    subject, placement, finding, circumstances = said
    _raise_first(audit.place(said, rules))
    track = None if placement is None else rules.named(placement.track)
    block = Block(subject.commit_block)
    return Judged(
        entrant=entrant(subject.hotkey, block),
        hotkey=subject.hotkey,
        commit_block=block,
        tiebreak=tiebreak,
        tensors=finding.tensors_hash,
        verdict=LedgerVerdict.SCORED if groups else LedgerVerdict.REJECTED,
        groups=groups,
        track=None if track is None else track.name,
        speed=0 if track is None or not groups else receipt.speed(circumstances.timings, track.groups(subject.block_hash)),
        reason="" if groups else finding.reason or "",
        scale="" if finding.report is None or track is None else _scale(finding.report, track),
    )


def _scale(report: EvaluationReport, rules: Track) -> str:
    """The hash of what the scores are measured by: the profile with its anchors, and the weights of its factors."""
    return canonical_json.digest([report.profile_hash, rules.model_dump(mode="json")["factors"]])


@dataclass(frozen=True, slots=True)
class ReceiptCheck:
    """The check of one closed round's receipts, under its rules and by the issuers whose certificates count."""

    closed: Round
    competition: Competition
    trust: Trust

    def accepted_scores(self, result: EvaluationResult) -> Mapping[str, Micro]:
        """The scores of a verdict by group id, none for a rejection; raises ReceiptInvalid with the first reason not to count it."""
        signed = _signed(result)
        if result.finished_at is None or result.score is None:
            raise ReceiptInvalid("there is a receipt without a verdict")
        receipt.authenticate(signed, self.trust, result.finished_at)
        scores = receipt.check(signed.receipt, result.receipt_hash or "", result.score, self._claims(result))
        _check_shown(result, signed, scores)
        said = receipt.read(signed.receipt)
        _check_tag(result, said.finding.content_hash)
        _raise_first(audit.place(said, self.competition))
        if why := near_copies.first_fault(
            said.finding.near, entrant(result.hotkey, result.commit_block), self.competition.copies
        ):
            raise ReceiptInvalid(why)
        if said.placement is not None:
            _check_track(result, said.placement.track)
            rules = self.competition.named(said.placement.track)
            asked = rules.groups(self.closed.block_hash)
            _raise_first(audit.prompts(said, asked))
            if said.finding.report is not None:
                _check_numbers(said.finding.report, asked, rules)
        return scores

    def _claims(self, result: EvaluationResult) -> Mapping[str, object]:
        return {
            "hotkey": result.hotkey,
            "commit_block": result.commit_block,
            "repo": result.repo,
            "revision": result.revision,
            "round": self.closed.round,
            "block_hash": self.closed.block_hash,
            "competition_hash": self.competition.hash,
            "code": result.code,
        }


def _check_numbers(report: EvaluationReport, asked: tuple[Group, ...], rules: Track) -> None:
    """Raise ReceiptInvalid for scores of other anchors than this validator's: they cannot be compared with earlier ones."""
    scale = aggregate.load_anchors(rules.profile)
    _raise_first(audit.anchored(report, scale))
    _raise_first(audit.numbers(report, asked, rules, scale))


def _signed(result: EvaluationResult) -> Signed:
    if result.receipt is None or result.signature is None or result.certificate is None:
        raise ReceiptInvalid("the receipt is not signed")
    if not isinstance(result.receipt, dict):
        raise ReceiptInvalid("the receipt is no JSON object")
    try:
        return Signed(result.receipt, result.signature, Certificate.from_json(result.certificate))
    except CertificateInvalid as exc:
        raise ReceiptInvalid(str(exc)) from exc


def _check_track(result: EvaluationResult, track: str) -> None:
    """Raise ReceiptInvalid unless the row shows the receipt's track; a rejection before its family was known names none, whatever it is."""
    if track != result.track:
        raise ReceiptInvalid(f"the receipt says the track {track}, the round {result.track or 'none'}")


def _check_tag(result: EvaluationResult, content: ContentHash | None) -> None:
    """Raise ReceiptInvalid unless the commitment's tag binds the judged content; a rejection before files were hashed names none."""
    if content is None:
        return
    try:
        tag = tag_of(content, result.public_key)
    except ValueError as exc:
        raise ReceiptInvalid("the public key, or the content's hash, is none") from exc
    if tag != result.tag:
        raise ReceiptInvalid(f"the commitment's tag does not bind the content {content}")


def _check_shown(result: EvaluationResult, signed: Signed, scores: Mapping[str, Micro]) -> None:
    """Raise ReceiptInvalid unless the database shows people what was signed."""
    if {group.id: group.score for group in result.groups} != scores:
        raise ReceiptInvalid("the stored groups are not the receipt's")
    if list(result.samples) != signed.receipt["samples"]:
        raise ReceiptInvalid("the stored samples are not the receipt's")
    if (result.state is EvaluationState.SCORED) != bool(scores):
        raise ReceiptInvalid(f"the receipt does not say that the evaluation is {result.state}")


def _raise_first(differences: list[Difference]) -> None:
    for row in differences:
        raise ReceiptInvalid(f"{row.what}: the receipt says {row.claimed}, it is {row.found}")
