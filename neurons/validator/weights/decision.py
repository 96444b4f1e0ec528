"""The decision about weights: whether they are due, and from which input: the ledger's head, or an older plan carried over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from neurons.chain.types import CommitmentRecord, CommitmentStatus, Metagraph, Neuron
from neurons.validator.weights.refusals import obstacle
from scoring.competition import Schedule
from scoring.errors import Code, PlatformError
from scoring.ranking.state import Inputs
from scoring.types import Block, Hotkey, RoundNumber, Uid, entrant
from scoring.weights import plan
from scoring.weights.plan import CarriedOver, PlanInput, Snapshot, TrackPay, WeightPlan, WeightsInvalid, to_u16
from voice_api.db.ledger import EntryOutline, Ledger, LedgerEntry
from voice_api.db.states import RefusalClass, RoundState, WeightOutcome
from voice_api.db.submissions import NewestCommitment, Submissions
from voice_api.db.weights import StoredAttempt, WeightAttempt, Weights

WARN_ROUNDS = 50
"""From so many rounds before the end of the rules on operators are told."""
FIRST_RETRY = 2
"""Blocks after the first failure; each further one in a row doubles them, up to a quarter of the tempo, where time alone may help."""
_FAILED = frozenset({WeightOutcome.FAILED, WeightOutcome.SENDING})
TAKEN = frozenset({WeightOutcome.SET, WeightOutcome.PENDING, WeightOutcome.APPLIED})
"""Ends of attempts that the chain took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightHistory:
    """A validator's ledger and attempts, as the database had them when it was last asked."""

    head: LedgerEntry | None
    judged: EntryOutline | None
    """The ledger's last round with a receipt, whether it counts or not."""
    attempts: Sequence[StoredAttempt]
    """The last ones, newest first."""
    waiting: Sequence[WeightAttempt]
    """Those whose end is not known, oldest first."""
    planned: WeightAttempt | None
    """The last one that the chain took and that was no older plan carried over."""
    behind: bool = False
    """Whether a closed round waits to be folded."""
    uncounted: int = 0
    """The last rounds in a row in which no receipt counts."""
    newest: Mapping[Hotkey, NewestCommitment] = field(default_factory=dict)
    """Of each registered hotkey; empty for a validator that follows, whose database has no commitments."""

    @property
    def paid(self) -> bool:
        """Whether there is an older plan that pays anybody: one that burns everything is nothing to hold."""
        return self.planned is not None and self.planned.plan.burn < 1.0

    @property
    def refusal(self) -> str:
        """The reason why no receipt counts that reached this validator last; '' where one does, or where none ever reached it."""
        return self._of_judged("" if self.judged is None else self.judged.inputs.refusal)

    @property
    def distrust(self) -> str:
        """The reason why receipts that reached this validator last do not count; '' where all do, or where none ever reached it."""
        return self._of_judged("" if self.judged is None else self.judged.inputs.distrust)

    def _of_judged(self, why: str) -> str:
        return f"in round {self.judged.round} {why}" if self.judged is not None and why else ""


async def read_history(ledger: Ledger, weights: Weights, submissions: Submissions) -> WeightHistory:
    """All that decides when weights are due; raises DatabaseUnavailable."""
    unfolded = next(iter(await ledger.waiting(1)), None)
    return WeightHistory(
        head=await ledger.head(),
        judged=await ledger.last_judged(),
        attempts=await weights.page(),
        waiting=await weights.waiting(),
        planned=await weights.planned(),
        uncounted=await ledger.uncounted(),
        behind=unfolded is not None and unfolded.state is RoundState.CLOSED,
        newest={found.hotkey: found for found in await submissions.newest()},
    )


@dataclass(frozen=True, slots=True)
class Due:
    """Weights are to be set now. `held` is the reason why the last plan is carried over; '' stands for a new plan."""

    held: str = ""


@dataclass(frozen=True, slots=True)
class NotYet:
    """Weights are not due before a block (None: not while things are as they are), and why."""

    block: Block | None
    why: str
    held: str = ""
    """The reason why the last plan is the next one, too; '' where it is not."""
    stopped: RefusalClass | None = None
    """Who or what ends it, where weights would be set but for an obstacle; None where they are only not due."""


Decision = Due | NotYet


def decide(
    metagraph: Metagraph,
    me: Hotkey,
    history: WeightHistory,
    schedule: Schedule,
    outage: str = "",
    *,
    version_key: int = 0,
    started: Block | None = None,
) -> Decision:
    """Weights are due after each fold, and once a tempo to stay active; sooner again when sealed ones expired unopened.

    Never within the chain's rate limit, never before the block that the chain named, after a failure only after a while, and never
    where the metagraph already says that the chain would refuse them.

    In a fault of ours (`outage` names one, `_fault` the others) the ledger decides nothing: the last plan that paid anybody is carried
    over, no longer than the chain takes a validator for active. Without such a plan, or when all whom it pays have left, nothing is set.
    One exception: where nobody can be owed anything (see `_nobody_can_earn`) everything is burned, fault or not. So a subnet without
    any model burns on, though no round is opened for it and its ledger stands still. `started` is where this process first looked:
    for a while after a pause it folds before it sets anything.
    """
    block, neuron = metagraph.block, metagraph.neuron(me)
    if neuron is None:
        return NotYet(None, "this validator's hotkey is not registered", stopped=RefusalClass.PERMANENT)
    if metagraph.neuron(metagraph.owner_hotkey) is None:
        return NotYet(None, "the subnet's owner holds no uid to burn to", stopped=RefusalClass.PERMANENT)
    fault = _fault(metagraph, history, schedule)
    why = outage or fault
    lacks = _lacks(metagraph, history) if why else ""
    if lacks and not _nobody_can_earn(metagraph, history, schedule):
        return NotYet(None, f"{fault or outage}, and {lacks}", stopped=RefusalClass.OURS)
    held = "" if lacks else why
    refused = obstacle(metagraph, neuron, _next_row(metagraph, history, schedule, held), version_key)
    if refused is not None:
        return NotYet(None, str(refused), held, refused.refusal.kind)
    waits = Block(0) if outage else _first_fold(metagraph, neuron, history, schedule, held=held, started=started)
    if block < waits:
        return NotYet(waits, f"this validator runs since block {started} only: it folds what waits before it sets weights")
    return _in_time(metagraph, neuron, history, held, started)


def _in_time(metagraph: Metagraph, neuron: Neuron, history: WeightHistory, held: str, started: Block | None) -> Decision:
    """The decision by time alone."""
    block = metagraph.block
    wanted = _wanted(history, metagraph.tempo, carrying=held != "")
    limit = Block(neuron.last_update + metagraph.weights_rate_limit)
    retry, failed = _after_failures(history.attempts, metagraph.tempo, started)
    earliest, reason = max(wanted, (limit, "the chain's rate limit"), (retry, failed))
    if block < earliest:
        return NotYet(earliest, reason, held, history.attempts[0].refusal if failed and block < retry else None)
    if held and history.planned is not None and block > history.planned.block + metagraph.activity_cutoff:
        why = f"{held}, for longer than the activity cutoff of {metagraph.activity_cutoff} blocks"
        return NotYet(None, why, stopped=RefusalClass.OURS)
    return Due(held)


def next_input(metagraph: Metagraph, history: WeightHistory, schedule: Schedule, held: str) -> PlanInput:
    """The input of the next plan: the last plan for the hotkeys of now while that is `held`, else the ledger's head.

    Raises WeightsInvalid where there is neither.
    """
    if held and history.planned is not None:
        return carried_over(metagraph, history.planned.plan_input, held)
    if history.head is None:
        raise WeightsInvalid("nothing was folded yet")
    return snapshot(metagraph, history.head, schedule)


def _next_row(metagraph: Metagraph, history: WeightHistory, schedule: Schedule, held: str) -> Mapping[Uid, int]:
    given = next_input(metagraph, history, schedule, held)
    return row_of(make_plan(given), given.most)


def row_of(made: WeightPlan, most: int) -> Mapping[Uid, int]:
    """The weights that the chain is to have, u16 by uid; too few for its limit they are as if it had none, and `obstacle` says so."""
    try:
        return dict(to_u16(made.vector, most))
    except WeightsInvalid:
        return dict(to_u16(made.vector))


def _first_fold(
    metagraph: Metagraph, neuron: Neuron, history: WeightHistory, schedule: Schedule, *, held: str, started: Block | None
) -> Block:
    """The block up to which a validator that has just started waits for its first fold; 0 where it has nothing to catch up with.

    As long as two rounds need to end, and never so long that the chain stops counting it: until then the chain keeps what it has.
    """
    head = history.head
    if started is None or head is None or not (history.behind or (held and stalled(head.round, metagraph.block, schedule))):
        return Block(0)
    rules = schedule.at(head.round).round
    patience = started + 2 * (rules.blocks + rules.deadline_blocks)
    return Block(min(patience, neuron.last_update + metagraph.activity_cutoff - metagraph.tempo))


def _fault(metagraph: Metagraph, history: WeightHistory, schedule: Schedule) -> str:
    """The reason of ours why the ledger decides nothing now; '' where it does.

    No entry, no receipt that counts, entries that are being folded again, nothing folded for long; receipts that do not count, or none
    at all, while the others leave nobody to be paid, in all or in a track of which none counts, or nothing came; or closed rounds that
    wait, for a validator that never paid anybody.
    """
    head = history.head
    if head is None:
        return "nothing was folded yet" if history.planned is None else "the ledger is empty, and weights were set before"
    found = history.refusal or _folded_again(head, history.planned) or stalled(head.round, metagraph.block, schedule)
    unheard = history.distrust if history.judged is not None else "no receipt was ever folded"
    if not found and unheard and _burns_everything(metagraph, head, schedule):
        return f"{unheard}; a new plan would burn everything"
    if (
        not found
        and history.judged is not None
        and (burned := _burned_by_us(metagraph, history, history.judged.inputs, head, schedule))
    ):
        why = history.distrust if set(burned) & set(history.judged.inputs.unheard) else "nothing came of a followed track"
        return f"{why}; a new plan would burn all of {', '.join(burned)}"
    if not found and history.behind and not history.paid:
        return f"rounds after round {head.round} wait to be folded"
    return found


def _burned_by_us(metagraph: Metagraph, history: WeightHistory, last: Inputs, head: LedgerEntry, schedule: Schedule) -> list[str]:
    """The tracks in which a new plan would pay nobody for a fault of ours, by the last inputs with a receipt.

    Of their receipts none counts. Or they are followed, and nothing came of them, unless the last plan knew them and paid nobody
    there either: to hold that one would burn as much.
    """
    missing = set(last.missing)
    if history.planned is not None and history.paid:
        before = _source(history.planned.plan_input)
        missing -= {pay.track for pay in before.pays} - _paid_tracks(history.planned.plan)
    silent = missing.union(last.unheard)
    return sorted(silent - _paid_tracks(plan.plan(snapshot(metagraph, head, schedule)))) if silent else []


def _paid_tracks(made: WeightPlan) -> set[str]:
    return {share.track for line in made.lines for share in line.tracks if share.share}


def _folded_again(head: LedgerEntry, planned: WeightAttempt | None) -> str:
    """The reason why a ledger is older than weights that were set from it: it was reset; '' where it is not."""
    last = None if planned is None else _source(planned.plan_input).state.round
    if last is None or last <= head.round:
        return ""
    return f"the ledger is being folded again: it stands at round {head.round}, and weights were set from round {last}"


def _lacks(metagraph: Metagraph, history: WeightHistory) -> str:
    """The reason why there is no plan to carry over; '' where there is one that still pays somebody."""
    if history.planned is None or not history.paid:
        return "no weights that pay anybody were set before"
    try:
        make_plan(carried_over(metagraph, history.planned.plan_input, ""))
    except plan.PlanPaysNobody as exc:
        return str(exc)
    return ""


def _nobody_can_earn(metagraph: Metagraph, history: WeightHistory, schedule: Schedule) -> bool:
    """Say whether a burn of everything is right whatever the ledger does not know yet.

    So it is when the ledger pays nobody, has no contender for an empty throne, rejected whatever commitments of registered hotkeys the
    chain has, and counts every receipt that reached it last. In the place of a commitment that no round ever asks for stands its
    hotkey's one before it, if there is one.
    """
    if history.head is None or history.distrust or any(state.trial for state in history.head.state.tracks):
        return False
    rejected = {rejection.entrant for rejection in history.head.state.rejections}
    since = _registered_at(metagraph)
    asked = [(item.hotkey, _asked_for(item, history.newest.get(item.hotkey))) for item in metagraph.commitments]
    known = [entrant(hotkey, block) for hotkey, block in asked if block is not None and since.get(hotkey, block + 1) <= block]
    waiting = [name for name in known if name not in rejected]
    return not waiting and _burns_everything(metagraph, history.head, schedule)


def _asked_for(item: CommitmentRecord, newest: NewestCommitment | None) -> Block | None:
    """The block of the commitment that rounds ask for where the chain has this one as its hotkey's last; None where there is none.

    Rounds never ask for one that cannot be read, is sealed, came too early, or is of a banned hotkey: without such an exception
    anybody's nonsense would end every burn for ever. One that is not recorded yet may be asked for.
    """
    if newest is None:
        return item.block
    readable = item.status in (CommitmentStatus.PLAIN, CommitmentStatus.REVEALED)
    return item.block if readable and item.block != newest.recorded else newest.admitted


def _burns_everything(metagraph: Metagraph, head: LedgerEntry, schedule: Schedule) -> bool:
    return plan.plan(snapshot(metagraph, head, schedule)).burn >= 1.0


def rounds_left_or_raise(schedule: Schedule, number: RoundNumber) -> int | None:
    """The rounds for which the rules still hold after this one, where that is worth a warning; None otherwise.

    Raises PlatformError(COMPETITION_EXPIRED) after the last one: rules that have ended weigh nobody.
    """
    left = schedule.rounds_left(number)
    if left is not None and left < 0:
        last = f"The rules of {schedule.name!r} end with round {schedule.until_round}, and this is round {number}."
        raise PlatformError(Code.COMPETITION_EXPIRED, last)
    return left if left is not None and left < WARN_ROUNDS else None


def stalled(last: RoundNumber, block: Block, schedule: Schedule) -> str:
    """The reason why a ledger whose head is this round stands still; '' while two rounds may yet run to their deadlines."""
    rules = schedule.at(last).round
    return f"nothing was folded since round {last}" if block > (last + 2) * rules.blocks + 2 * rules.deadline_blocks else ""


def _wanted(history: WeightHistory, tempo: int, *, carrying: bool) -> tuple[Block, str]:
    """The block from which new weights are wanted, whatever stands in their way."""
    ended = next((attempt for attempt in history.attempts if attempt.outcome not in _FAILED | {WeightOutcome.RATE_LIMITED}), None)
    if ended is None or ended.outcome not in TAKEN:
        return Block(0), ""
    if not carrying and (history.head is None or ended.ledger_hash != history.head.state_hash):
        return Block(0), ""
    return Block(ended.block + tempo), "the chain has the newest weights; they are set again once a tempo"


def _after_failures(attempts: Sequence[StoredAttempt], tempo: int, started: Block | None) -> tuple[Block, str]:
    """The block from which another attempt makes sense after those that failed in a row, or came too soon."""
    if not attempts:
        return Block(0), ""
    last = attempts[0]
    if last.outcome is WeightOutcome.RATE_LIMITED:
        return last.next_block or Block(last.block + FIRST_RETRY), "the chain said when to come again"
    failures = next((n for n, attempt in enumerate(attempts) if attempt.outcome not in _FAILED), len(attempts))
    if failures == 0:
        return Block(0), ""
    restarted = started is not None and last.block < started  # with other settings, perhaps
    return Block(
        last.block + _pause(None if restarted else last.refusal, failures, tempo)
    ), f"{failures} attempts in a row failed"


def _pause(refusal: RefusalClass | None, failures: int, tempo: int) -> int:
    """Blocks to wait after failures in a row: a tempo where time alone changes nothing."""
    match refusal:
        case None | RefusalClass.PASSING:
            return min(FIRST_RETRY << min(failures - 1, 30), max(FIRST_RETRY, tempo // 4))
        case RefusalClass.PERMANENT | RefusalClass.OURS:
            return max(FIRST_RETRY, tempo)
        case unreachable:
            assert_never(unreachable)


def snapshot(metagraph: Metagraph, head: LedgerEntry, schedule: Schedule) -> Snapshot:
    """The ledger's head and the hotkeys that are registered now; raises WeightsInvalid while the subnet's owner holds no uid to burn to."""
    owner = metagraph.neuron(metagraph.owner_hotkey)
    if owner is None:
        raise plan.WeightsInvalid("the subnet's owner holds no uid to burn to")
    competition = schedule.at(head.round)
    return Snapshot(
        ledger_hash=head.state_hash,
        state=head.state,
        block=metagraph.block,
        owner=owner.uid,
        uids=_uids(metagraph),
        registered_at=_registered_at(metagraph),
        committed={item.hotkey: item.block for item in metagraph.commitments},
        pays=tuple(TrackPay.of(track) for track in competition.track),
        competition_hash=competition.hash,
        most=metagraph.max_weights_limit,
    )


def carried_over(metagraph: Metagraph, old: PlanInput, why: str) -> CarriedOver:
    """An older snapshot, for the hotkeys that are registered now."""
    owner = metagraph.neuron(metagraph.owner_hotkey)
    return CarriedOver(
        carried=_source(old),
        why=why,
        block=metagraph.block,
        owner=None if owner is None else owner.uid,
        uids=_uids(metagraph),
        registered_at=_registered_at(metagraph),
        most=metagraph.max_weights_limit,
    )


def make_plan(given: PlanInput) -> WeightPlan:
    """The plan that follows from an input, and from nothing else; raises WeightsInvalid where nobody can be weighed."""
    match given:
        case Snapshot():
            return plan.plan(given)
        case CarriedOver():
            again = plan.remap(plan.plan(given.carried), given.uids, given.registered_at, given.owner)
            return replace(again, snapshot_hash=given.hash)


def _source(given: PlanInput) -> Snapshot:
    """The snapshot of a ledger that an input is of."""
    return given.carried if isinstance(given, CarriedOver) else given


def _uids(metagraph: Metagraph) -> dict[Hotkey, Uid]:
    return {neuron.hotkey: neuron.uid for neuron in metagraph.neurons}


def _registered_at(metagraph: Metagraph) -> dict[Hotkey, Block]:
    return {neuron.hotkey: neuron.registered_at_block for neuron in metagraph.neurons}
