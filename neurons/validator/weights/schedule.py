"""When weights are due: one pure decision from the chain's rules, the ledger, and what became of the attempts before."""

from collections.abc import Sequence
from dataclasses import dataclass

from neurons.chain.types import Metagraph
from scoring.competition import Schedule
from scoring.types import Block, Hotkey, RoundNumber
from voice_api.db.ledger import LedgerEntry
from voice_api.db.states import WeightOutcome
from voice_api.db.weights import WeightAttempt

FIRST_RETRY = 2
"""Blocks after the first failure; each further one in a row doubles them, up to a quarter of the tempo."""
_FAILED = frozenset({WeightOutcome.FAILED, WeightOutcome.SENDING})
_TAKEN = frozenset({WeightOutcome.SET, WeightOutcome.PENDING, WeightOutcome.APPLIED})


@dataclass(frozen=True, slots=True)
class WeightHistory:
    """What the database said when it was last asked.

    `attempts` are this validator's last ones, newest first, `waiting` those whose end is not known, oldest first, `planned` is the
    last that the chain took and that was no older plan carried over.
    """

    head: LedgerEntry | None
    attempts: Sequence[WeightAttempt]
    waiting: Sequence[WeightAttempt]
    planned: WeightAttempt | None


@dataclass(frozen=True, slots=True)
class Due:
    """Weights are to be set now. `carry` says why an older plan is to be carried over instead of a new one ('': it is not)."""

    carry: str = ""


@dataclass(frozen=True, slots=True)
class NotYet:
    """Weights are not due before a block (None: not while things are as they are), and why."""

    block: Block | None
    why: str


def decide(metagraph: Metagraph, me: Hotkey, known: WeightHistory, schedule: Schedule, outage: str = "") -> Due | NotYet:
    """Weights are due after each fold, and once a tempo to stay active; sooner again when sealed ones expired unopened.

    Never within the chain's rate limit, never before the block that the chain named, and after a failure only after a while. In an
    outage of ours (`outage` names it; a ledger that stands still is one, too) only an older plan can be carried over, and no longer
    than the chain takes a validator for active: nobody is paid for ever by what was known once.
    """
    block, neuron = metagraph.block, metagraph.neuron(me)
    if neuron is None:
        return NotYet(None, "this validator's hotkey is not registered")
    if metagraph.neuron(metagraph.owner_hotkey) is None:
        return NotYet(None, "the subnet's owner holds no uid to burn to")
    if known.head is None:
        return NotYet(None, "nothing was folded yet")
    why = outage or stalled(known.head.round, block, schedule)
    wanted = _wanted(known, metagraph.tempo, carrying=why != "")
    limit = Block(neuron.last_update + metagraph.weights_rate_limit)
    earliest, reason = max(wanted, (limit, "the chain's rate limit"), _after_failures(known.attempts, metagraph.tempo))
    if block < earliest:
        return NotYet(earliest, reason)
    if why and known.planned is not None and block > known.planned.block + metagraph.activity_cutoff:
        return NotYet(None, f"{why}, for longer than the activity cutoff of {metagraph.activity_cutoff} blocks")
    return Due(why if known.planned is not None else "")


def stalled(last: RoundNumber, block: Block, schedule: Schedule) -> str:
    """Why a ledger whose head is this round stands still, '' while it need not have gone on: two rounds that ran to their deadlines."""
    rules = schedule.at(last).round
    return f"nothing was folded since round {last}" if block > (last + 2) * rules.blocks + 2 * rules.deadline_blocks else ""


def _wanted(known: WeightHistory, tempo: int, *, carrying: bool) -> tuple[Block, str]:
    """The block from which new weights are wanted, whatever stands in their way."""
    ended = next((attempt for attempt in known.attempts if attempt.outcome not in _FAILED | {WeightOutcome.RATE_LIMITED}), None)
    if ended is None or ended.outcome not in _TAKEN or known.head is None:
        return Block(0), ""
    if not carrying and ended.plan_input.ledger_hash != known.head.state_hash:
        return Block(0), ""
    return Block(ended.block + tempo), "the chain has the newest weights; they are set again once a tempo"


def _after_failures(attempts: Sequence[WeightAttempt], tempo: int) -> tuple[Block, str]:
    """The block from which another attempt makes sense after those that failed in a row, or came too soon."""
    if not attempts:
        return Block(0), ""
    last = attempts[0]
    if last.outcome is WeightOutcome.RATE_LIMITED:
        return last.next_block or Block(last.block + FIRST_RETRY), "the chain said when to come again"
    failures = next((n for n, attempt in enumerate(attempts) if attempt.outcome not in _FAILED), len(attempts))
    if failures == 0:
        return Block(0), ""
    pause = min(FIRST_RETRY << min(failures - 1, 30), max(FIRST_RETRY, tempo // 4))
    return Block(last.block + pause), f"{failures} attempts in a row failed"
