"""A validator's own: rounds, folds, receipts and their certificates, its ledger beside others', and its weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from neurons.chain.types import Metagraph, Neuron
from neurons.doctor.catalogue import CheckName
from neurons.doctor.finding import Finding, failing, unknown, warning, well
from neurons.doctor.words import lasting, listed
from neurons.validator.weights.decision import TAKEN, WARN_ROUNDS, stalled
from neurons.validator.weights.view import opens
from scoring.competition import Schedule
from scoring.receipts.certificate import Certificate, CertificateInvalid, Trust
from scoring.types import Block, RoundNumber
from voice_api.db.health import HostCertificate, LedgerHead, PartedLedger, RoundTimes, TrackProgress
from voice_api.db.ledger import EntryOutline
from voice_api.db.rounds import Round
from voice_api.db.states import RefusalClass, RoundState, WeightOutcome
from voice_api.db.weights import StoredAttempt, WeightAttempt

ENDS_SOON, ENDS_NOW = timedelta(days=21), timedelta(days=7)
"""A certificate that holds for less is renewed soon, or at once: while it is over no receipt counts."""
_UNCOUNTED = 2
"""Rounds in a row without any receipt that counts."""
_OPENS_WITHIN = timedelta(minutes=10)
"""The chain opens sealed weights a few blocks after their round of the beacon."""
_ASKED = (CheckName.REGISTRATION, CheckName.STAKE, CheckName.PERMIT, CheckName.VERSION_KEY)
"""What the chain asks of who sets weights: it refuses them where one of these fails."""


def competition(schedule: Schedule, block: Block) -> Finding:
    """The rules, and how long they still hold."""
    number = RoundNumber(block // schedule.round_blocks)
    value, left = f"{schedule.name}, version of round {schedule.at(number).from_round}", schedule.rounds_left(number)
    upgrade = "Install the newest release, or name the newest rules in VOICE_COMPETITION."
    if left is None:
        return well(CheckName.COMPETITION, f"{value}, without an end")
    if left < 0:
        return failing(CheckName.COMPETITION, f"{value}: they ended with round {schedule.until_round}", upgrade)
    value = f"{value}, for {left} more rounds"
    return warning(CheckName.COMPETITION, value, upgrade) if left < WARN_ROUNDS else well(CheckName.COMPETITION, value)


def newest_round(found: RoundTimes | None, tracks: Sequence[TrackProgress], block: Block | None) -> Finding:
    """The newest round, and how far it is; `block` is the chain's newest one, None where it is not known."""
    if found is None:
        return unknown(CheckName.ROUND, "none was opened yet: rounds begin once the validator runs and a model is committed")
    total = sum(each.total for each in tracks)
    ended = sum(each.scored + each.rejected + each.parked for each in tracks)
    value = f"{found.round} is {found.state}: {ended} of {total} evaluations ended"
    if found.state is RoundState.OPEN and block is not None and block > found.deadline_block:
        fix = "The validator closes it: look whether `voice validator run` runs, and at its log."
        return failing(CheckName.ROUND, f"{value}, though its deadline, block {found.deadline_block}, is over", fix)
    return well(CheckName.ROUND, value)


def fold(head: LedgerHead | None, unfolded: Round | None, schedule: Schedule, block: Block | None, now: datetime) -> Finding:
    """The last fold; `unfolded` is the oldest round that waits for one."""
    fix = "Look whether `voice validator run` runs, and at its log."
    waits = f"; round {unfolded.round} waits" if unfolded is not None and unfolded.state is RoundState.CLOSED else ""
    if head is None:
        return warning(CheckName.FOLD, f"nothing was folded yet{waits}", fix) if waits else unknown(CheckName.FOLD, "nothing yet")
    value = f"round {head.round}, {lasting(now - head.folded_at)} ago{waits}"
    if block is not None and stalled(head.round, block, schedule):
        why = f"{value}: nothing since, though more than two rounds are over"
        return failing(CheckName.FOLD, why, fix, follows=(CheckName.ROUND,))
    return well(CheckName.FOLD, value)


def receipts(judged: EntryOutline | None, head: LedgerHead | None, uncounted: int) -> Finding:
    """Whether the receipts of the last round with any count; `uncounted` rounds up to the last one have none that does."""
    fix = "Compare VOICE_TRUST, VOICE_COMPETITION and releases; meanwhile the last plan that paid anybody is sent again."
    if judged is not None and judged.inputs.refusal:
        why = f"none of round {judged.round} counts: {judged.inputs.refusal}"
        return failing(CheckName.RECEIPTS, why, fix, follows=(CheckName.TRUST,))
    if head is not None and uncounted >= _UNCOUNTED:
        return failing(
            CheckName.RECEIPTS, f"none counted in the last {uncounted} rounds: none came", "`voice operator stuck` says why."
        )
    if judged is None:
        return well(CheckName.RECEIPTS, "none came yet")
    if judged.inputs.distrust:
        return warning(CheckName.RECEIPTS, f"of round {judged.round} {judged.inputs.distrust}", fix)
    return well(CheckName.RECEIPTS, f"{len(judged.inputs.counted)} of round {judged.round} count")


def days_left(names: str, ends: datetime, now: datetime, fix: str) -> Finding:
    """The row of a certificate that holds until `ends`."""
    left = ends - now
    if left <= timedelta(0):
        return failing(CheckName.CERTIFICATE, f"{names}: it ended {lasting(left)} ago", fix)
    value = f"{names}: {lasting(left)} left"
    if left < ENDS_NOW:
        return failing(CheckName.CERTIFICATE, value, fix)
    return warning(CheckName.CERTIFICATE, value, fix) if left < ENDS_SOON else well(CheckName.CERTIFICATE, value)


def certificates(found: Sequence[HostCertificate], trust: Trust, now: datetime) -> tuple[Finding, Finding]:
    """The rows of the certificates under the newest receipts: how long the first to end holds, and whether they are trusted."""
    if not found:
        return unknown(CheckName.CERTIFICATE, "no receipt came yet"), unknown(CheckName.TRUST, "no receipt came yet")
    read, wrong = [], []
    for each in found:
        try:
            certificate = Certificate.from_json(each.certificate)
            read.append((certificate.not_after, each.host))
            trust.check(certificate, min(now, certificate.not_after))
        except CertificateInvalid as exc:
            wrong.append(f"{each.host}: {exc}")
    if wrong:
        fix = "Compare VOICE_TRUST with who certified the workers (`voice wallet address`), or certify them: `voice validator certify`."
        trusted = failing(CheckName.TRUST, listed(wrong), fix)
    else:
        trusted = well(CheckName.TRUST, f"those of {listed([each.host for each in found])} are trusted")
    if not read:
        return unknown(CheckName.CERTIFICATE, "none under the newest receipts can be read"), trusted
    ends, host = min(read)
    return days_left(host, ends, now, "Renew it: `voice validator certify` (in compose: `docker compose up certify`)."), trusted


def ledger(parted: Sequence[PartedLedger], compared: str) -> Finding:
    """Whether other ledgers are the same; `compared` says with whom."""
    if parted:
        others = listed([f"{each.validator} since round {each.round} or before" for each in parted])
        fix = "`voice validator diff own URL` shows where they part, and why; docs/validator.md says how to join again."
        return failing(CheckName.LEDGER, f"it differs from that of {others}", fix)
    return well(CheckName.LEDGER, compared)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsView:
    """A validator's attempts, newest first, when the last one was made, and its neuron beside the subnet's rules."""

    attempts: Sequence[StoredAttempt]
    attempted_at: datetime | None
    metagraph: Metagraph | None
    """None where the chain does not answer."""
    neuron: Neuron | None
    kept_back: str = ""
    """Why the next weights are an older plan, or none; '' where no fault of ours is known."""


def weights(view: WeightsView, now: datetime) -> Finding:
    """The last attempt, and whether the chain still counts this validator as active."""
    if not view.attempts:
        return unknown(CheckName.WEIGHTS, "none were set yet: the validator sets them after its first fold")
    last = view.attempts[0]
    ago = "" if view.attempted_at is None else f", {lasting(now - view.attempted_at)} ago"
    value = f"{last.outcome.value.replace('_', ' ')} in block {last.block}{ago}"
    look = "`voice validator weights` lists the attempts, with what to do."
    inactive = _inactive(view)
    if inactive:
        return failing(CheckName.WEIGHTS, f"{value}; {inactive}", look, follows=(CheckName.ROUND, CheckName.FOLD, *_ASKED))
    if last.outcome is WeightOutcome.FAILED:
        said = f"{value}: {last.error or 'no reason is known'}"
        return (
            warning(CheckName.WEIGHTS, said, look)
            if last.refusal is RefusalClass.PASSING
            else failing(CheckName.WEIGHTS, said, look, follows=_ASKED)
        )
    if view.kept_back:
        return warning(CheckName.WEIGHTS, f"{value}; kept back: {view.kept_back}", look)
    return well(CheckName.WEIGHTS, value)


def _inactive(view: WeightsView) -> str:
    if view.neuron is None or view.metagraph is None:
        return ""
    age = view.metagraph.block - view.neuron.last_update
    if age <= view.metagraph.activity_cutoff:
        return ""
    return f"the chain took none for {age} blocks, and counts no validator after {view.metagraph.activity_cutoff}"


def sealed_weights(attempts: Sequence[StoredAttempt], now: datetime) -> Finding:
    """Whether the chain opens sealed weights: with a beacon that is dead, or that the chain does not hear, it never does."""
    check = CheckName.SEALED_WEIGHTS
    fix = "Look whether the validator runs. If so, the chain did not hear the beacon (drand): weights are sealed anew by themselves."
    late = [each for each in attempts if each.outcome is WeightOutcome.PENDING and _overdue(each, now)]
    if late:
        return failing(check, f"those of block {late[-1].block} should be open for {lasting(now - _opens(late[-1]))}", fix)
    ends = TAKEN - {WeightOutcome.PENDING} | {WeightOutcome.EXPIRED}  # newer ones that wait say nothing of the beacon
    ended = next((each for each in attempts if each.outcome in ends), None)
    if ended is not None and ended.outcome is WeightOutcome.EXPIRED:
        return failing(check, f"those of block {ended.block} were never opened, and are void", fix)
    waiting = [each for each in attempts if each.outcome is WeightOutcome.PENDING]
    if waiting:
        return well(check, f"those of block {waiting[0].block} open at {_opens(waiting[0]):%H:%M} UTC")
    return well(check, "none wait")


def _overdue(attempt: StoredAttempt, now: datetime) -> bool:
    return attempt.reveal_round is not None and now > _opens(attempt) + _OPENS_WITHIN


def _opens(attempt: StoredAttempt) -> datetime:
    return opens(attempt.reveal_round or 0)


def burn(attempts: Sequence[StoredAttempt]) -> Finding:
    """The burned share of the last weights that the chain took."""
    taken = next((each for each in attempts if each.outcome in TAKEN and isinstance(each, WeightAttempt)), None)
    if not isinstance(taken, WeightAttempt):
        return unknown(CheckName.BURN, "the chain took no weights yet")
    share = taken.plan.burn
    if share >= 1.0:
        fix = "So it is while no model earns; `voice validator weights --dry-run` says what is planned, and why."
        return warning(CheckName.BURN, "everything: nobody earns", fix)
    return well(CheckName.BURN, f"{share:.1%}")
