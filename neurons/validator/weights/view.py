"""The reads of the commands about weights: the ledger's head, the chain, the attempts. Nothing is signed."""

from dataclasses import dataclass

from neurons.chain.adapter import Chain
from neurons.chain.types import ChainUnavailable, Metagraph
from neurons.network import open_chain
from neurons.settings import ValidatorSettings
from neurons.validator.weights import plan_input
from neurons.validator.weights import schedule as weight_schedule
from neurons.validator.weights.plan_input import Replayed, replay
from neurons.validator.weights.schedule import Due, NotYet
from neurons.validator.weights.setter import read_history
from scoring.competition import Competition, Schedule, load
from scoring.errors import Code, PlatformError
from scoring.types import Hotkey, RoundNumber
from scoring.weights import plan as weights
from scoring.weights.plan import Snapshot, WeightPlan, WeightsInvalid
from voice_api.db.database import open_pool
from voice_api.db.ledger import Ledger, LedgerEntry
from voice_api.db.weights import WeightAttempt, Weights, of_snapshot


@dataclass(frozen=True, slots=True)
class PlanView:
    """A validator's ledger and the chain at one moment, and the plan that follows."""

    head: LedgerEntry
    rules: Competition
    snapshot: Snapshot
    plan: WeightPlan


@dataclass(frozen=True, slots=True)
class CheckedReplay:
    """A replayed attempt, and whether that vector counts on the chain now (None: the chain could not be read)."""

    replayed: Replayed
    counts: bool | None


async def plan_now(settings: ValidatorSettings, validator: Hotkey) -> PlanView:
    """Read the ledger's head and the chain, and plan the weights that `validator` would set now.

    Raises PlatformError: NOT_FOUND without a ledger, COMPETITION_EXPIRED once the rules have ended, STATE_CONFLICT where nothing
    can be planned; ChainUnavailable, DatabaseUnavailable.
    """
    schedule = load(settings.competition)
    async with open_pool(settings.database_url.get_secret_value(), size=1) as pool, open_chain(settings) as chain:
        return _planned(validator, await Ledger(pool, validator).head(), await chain.metagraph(), schedule)


async def due_now(settings: ValidatorSettings, validator: Hotkey) -> tuple[PlanView, Due | NotYet]:
    """The plan of now, and whether it would be sent now; raises what `plan_now` does."""
    schedule = load(settings.competition)
    async with open_pool(settings.database_url.get_secret_value(), size=1) as pool, open_chain(settings) as chain:
        metagraph = await chain.metagraph()
        history = await read_history(Ledger(pool, validator), Weights(pool, validator))
    view = _planned(validator, history.head, metagraph, schedule)
    return view, weight_schedule.decide(metagraph, validator, history, schedule)


def _planned(validator: Hotkey, head: LedgerEntry | None, metagraph: Metagraph, schedule: Schedule) -> PlanView:
    weight_schedule.rounds_left_or_raise(schedule, RoundNumber(metagraph.block // schedule.round_blocks))
    if head is None:
        raise PlatformError(Code.NOT_FOUND, f"{validator} has folded no round yet")
    try:
        snapshot = plan_input.snapshot(metagraph, head, schedule)
        return PlanView(head, schedule.at(head.round), snapshot, weights.plan(snapshot))
    except WeightsInvalid as exc:
        raise PlatformError(Code.STATE_CONFLICT, f"no weights can be planned: {exc}") from exc


async def attempts(settings: ValidatorSettings, validator: Hotkey, limit: int) -> tuple[tuple[WeightAttempt, ...], str]:
    """The validator's last attempts, newest first, and why the last plan is held, '' where it is not."""
    async with open_pool(settings.database_url.get_secret_value(), size=1) as pool:
        weights = Weights(pool, validator)
        return await weights.page(limit=limit), (await read_history(Ledger(pool, validator), weights)).refusal


async def replayed(settings: ValidatorSettings, snapshot_hash: str) -> tuple[CheckedReplay, ...]:
    """Each attempt that was made from a snapshot, computed again; raises PlatformError(NOT_FOUND), or LEDGER_INVALID."""
    async with open_pool(settings.database_url.get_secret_value(), size=1) as pool:
        found = [replay(made) for made in await of_snapshot(pool, snapshot_hash)]
    try:
        async with open_chain(settings) as chain:
            return tuple([CheckedReplay(each, await _counts(chain, each)) for each in found])
    except ChainUnavailable:
        return tuple(CheckedReplay(each, None) for each in found)


async def _counts(chain: Chain, replayed: Replayed) -> bool:
    metagraph = await chain.metagraph()
    neuron = metagraph.neuron(replayed.validator)
    if neuron is None:
        return False
    return replayed.on_chain((await chain.sealed(replayed.validator, neuron.uid, metagraph.block)).row)
