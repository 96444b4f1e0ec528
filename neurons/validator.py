"""The validator: opens rounds, folds them, and sets weights. It reads everything, decides purely, and writes once a tick."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import assert_never

import bittensor as bt
import structlog

from neurons import agenda
from neurons.agenda import CloseRound, FoldRound, OpenRound, SetWeights, View, Wait
from neurons.chain import Chain
from neurons.shutdown import Shutdown
from neurons.types import Applied, ChainUnavailable, RateLimited, Refused
from scoring.certificate import Trust
from scoring.competition import Schedule
from scoring.errors import PlatformError
from scoring.types import Hotkey
from voice_api.db.ledger import Ledger
from voice_api.db.pool import Pool
from voice_api.db.records import Entry, NewRound
from voice_api.db.rounds import Rounds
from voice_api.db.states import Outcome, QueueName, RoundState
from voice_api.db.submissions import Submissions
from voice_api.db.weights import Weights
from voice_api.errors import DatabaseUnavailable
from voice_api.keys import trust
from voice_api.process_metrics import Ticks

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Store:
    """The parts of the database that the validator reads and writes."""

    rounds: Rounds
    submissions: Submissions
    ledger: Ledger
    weights: Weights

    @classmethod
    def over(cls, pool: Pool, me: Hotkey) -> "Store":
        """All parts over one pool; ledger and weights are this validator's own."""
        return cls(Rounds(pool), Submissions(pool), Ledger(pool, me), Weights(pool, me))


@dataclass(frozen=True, slots=True)
class Signer:
    """Who sets weights, under which version key, where its list of revoked certificates lies, and whose certificates it counts.

    Without `issuers` those are its own alone.
    """

    wallet: bt.Wallet
    version_key: int
    revocations: Path
    issuers: frozenset[Hotkey] = frozenset()

    @property
    def hotkey(self) -> Hotkey:
        """The validator's hotkey."""
        return Hotkey(self.wallet.hotkey.ss58_address)

    def trust(self) -> Trust | None:
        """Whose receipts count now. None, and said so, while the list of revocations does not hold: then nothing may be counted."""
        try:
            return trust(self.hotkey, self.revocations, self.issuers)
        except PlatformError as error:
            log.error("rounds wait to be folded", code=error.code, detail=error.detail, advice=error.advice)
            return None


async def tick(chain: Chain, store: Store, signer: Signer, schedule: Schedule) -> bool:
    """Read everything, decide purely, write once; True if something was done."""
    view = await read_view(chain, store, signer.hotkey, signer.trust())
    action = agenda.decide(view, schedule)
    match action:
        case Wait():
            return False
        case CloseRound(number):
            await store.rounds.close(number)
            log.info("round closed", round=number)
        case FoldRound(entry, distrusted):
            for reason in distrusted:
                log.error("receipt refused", reason=reason)
            await store.ledger.append(entry)
            log.info("round folded", round=entry.round, king=entry.king_entrant, ledger=entry.state_hash)
        case OpenRound():
            await _open(chain, store, action)
        case SetWeights():
            await _set_weights(chain, store, signer, action)
        case unreachable:
            assert_never(unreachable)
    return True


async def read_view(chain: Chain, store: Store, me: Hotkey, trusted: Trust | None) -> View:
    """The chain at its finalized head, and the database."""
    metagraph = await chain.metagraph()
    for name, hotkey in (("validator", me), ("subnet's owner", metagraph.owner_hotkey)):
        if metagraph.neuron(hotkey) is None:
            log.error("weights wait: not registered", who=name, hotkey=hotkey)
    unfolded = next(iter(await store.ledger.waiting(1)), None)
    closed = unfolded is not None and unfolded.state is RoundState.CLOSED
    return View(
        metagraph=metagraph,
        me=me,
        trust=trusted,
        latest=await store.rounds.latest(),
        unfolded=unfolded,
        results=await store.rounds.results(unfolded.round) if unfolded is not None and closed else (),
        head=await store.ledger.head(),
        candidates=await store.submissions.candidates(),
        last_attempt=await store.weights.latest(),
        last_set=await store.weights.latest(Outcome.SET),
    )


async def _open(chain: Chain, store: Store, action: OpenRound) -> None:
    opening = action.opening
    seed = await chain.block_hash(opening.start)
    new = NewRound(opening.number, opening.start, seed, opening.deadline, action.competition_hash)
    entries = [Entry(submission, QueueName.CPU, priority) for priority, submission in enumerate(opening.entries)]
    await store.rounds.open(new, entries)
    log.info("round opened", round=opening.number, seed=seed, evaluations=len(entries))


async def _set_weights(chain: Chain, store: Store, signer: Signer, action: SetWeights) -> None:
    block = action.snapshot.block
    try:
        result = await chain.set_weights(signer.wallet, action.plan.vector, signer.version_key)
    except ChainUnavailable as outage:
        # Kept like any other attempt, so that the next one comes after a while and rounds are opened meanwhile.
        await store.weights.record(agenda.attempt(action, block, Outcome.FAILED, f"no answer: {outage.detail}"))
        raise
    match result:
        case Applied(applied):
            log.info("weights set", block=applied, targets=len(action.plan.vector), burn=action.plan.burn)
            kept = agenda.attempt(action, applied, Outcome.SET, None)
        case RateLimited(blocks_left, message):
            log.info("weights come too soon", blocks_left=blocks_left)
            kept = agenda.attempt(action, block, Outcome.RATE_LIMITED, message)
        case Refused(code, name, message):
            log.error("weights refused", code=code, name=name, message=message)
            kept = agenda.attempt(action, block, Outcome.FAILED, f"{name or code}: {message}")
        case unreachable:
            assert_never(unreachable)
    await store.weights.record(kept)


async def run(
    chain: Chain, store: Store, signer: Signer, schedule: Schedule, pause: timedelta, stop: Shutdown, ticks: Ticks | None = None
) -> None:
    """Tick until asked to stop; `ticks` counts them. A named outage waits for the next tick; a bug ends the process."""
    counted = ticks or Ticks()
    while not stop.requested:
        busy = False
        try:
            with counted.measured():
                busy = await tick(chain, store, signer, schedule)
        except (ChainUnavailable, DatabaseUnavailable) as outage:
            log.warning("tick skipped", code=outage.code, detail=outage.detail)
        if not busy:
            await stop.wait(pause)
