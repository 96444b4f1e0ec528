"""The validator's rounds: opens, closes and folds them. It reads everything, decides purely, and writes once a tick."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import assert_never

import bittensor as bt
import structlog

from neurons.api_client.client import ApiUnavailable
from neurons.chain.adapter import Chain
from neurons.chain.types import ChainUnavailable
from neurons.shutdown import Shutdown, together
from neurons.validator import decide
from neurons.validator.decide import CloseRound, FoldRound, OpenRound, View, Wait
from neurons.validator.follow.tracks import FollowedTracks
from neurons.validator.ledger import log_entry, log_other_rules
from neurons.validator.weights.decision import rounds_left_or_raise
from neurons.validator.weights.setter import Opening, Terms, WeightSetter
from scoring.competition import Schedule
from scoring.errors import PlatformError
from scoring.ranking.state import State
from scoring.receipts.certificate import Trust
from scoring.types import Hotkey, RoundNumber
from voice_api.db.database import Pool, connect
from voice_api.db.ledger import Ledger, LedgerEntry
from voice_api.db.rounds import NewRound, Round, RoundEntry, RoundEvidence, Rounds
from voice_api.db.states import QueueName, RoundState
from voice_api.db.submissions import Submissions, SubmissionStatus
from voice_api.db.weights import Weights
from voice_api.errors import DatabaseUnavailable, OutOfOrder
from voice_api.keys import trust
from voice_api.runtime.process_metrics import Ticks
from voice_api.runtime.validator_metrics import ValidatorMetrics

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
class ValidatorIdentity:
    """A validator's wallet, the file of its list of revoked certificates, and the issuers whose certificates it counts.

    Without `issuers` it counts its own alone.
    """

    wallet: bt.Wallet
    revocations: Path
    issuers: frozenset[Hotkey] = frozenset()

    @property
    def hotkey(self) -> Hotkey:
        """The validator's hotkey."""
        return Hotkey(self.wallet.hotkey.ss58_address)

    def trust(self) -> Trust | None:
        """The trust in receipts now. None, and an error in the log, while the list of revocations does not hold: nothing may be counted."""
        try:
            return trust(self.hotkey, self.revocations, self.issuers)
        except PlatformError as error:
            log.error("rounds wait to be folded", code=error.code, detail=error.detail, advice=error.advice)
            return None


async def tick(
    chain: Chain, store: Store, signer: ValidatorIdentity, schedule: Schedule, followed: FollowedTracks | None = None
) -> bool:
    """Read everything, decide purely, write once; True if something was done. Raises PlatformError once the rules have ended.

    `followed` has the evidence of the tracks that are not judged here.
    """
    own = frozenset() if followed is None else followed.own
    view = await _beside(followed, await read_view(chain, store, signer.hotkey, signer.trust(), own), schedule)
    left = rounds_left_or_raise(schedule, RoundNumber(view.metagraph.block // schedule.round_blocks))
    action = decide.decide(view, schedule)
    match action:
        case Wait():
            return False
        case CloseRound(number, eligibility):
            if await store.rounds.close(number, eligibility):
                log.info("round closed", round=number, gone=dict(eligibility.gone))
        case FoldRound(entry):
            await _draw(chain, signer.hotkey, followed, view.evidence, entry)
            log_other_rules(view.head, schedule)
            return await _fold(store, entry)
        case OpenRound():
            await _open(chain, store, action)
            if left is not None:
                log.warning("the competition's rules end soon: install the next release", rounds_left=left)
        case unreachable:
            assert_never(unreachable)
    return True


async def _beside(followed: FollowedTracks | None, view: View, schedule: Schedule) -> View:
    """The view with what is followed: their evidence beside the own, and no trust in workers of theirs that were found out."""
    if followed is None:
        return view
    if view.evidence is None or view.trust is None:
        return replace(view, tracks=followed.own)
    number = view.evidence.round.round
    rules, state = schedule.at(number), State() if view.head is None else view.head.state
    evidence = await followed.added(view.evidence, state, view.metagraph.block, rules)
    return replace(view, tracks=followed.own, evidence=evidence, trust=await followed.trust(view.trust, rules, number))


async def read_view(chain: Chain, store: Store, me: Hotkey, trusted: Trust | None, own: frozenset[str]) -> View:
    """The chain at its finalized head, and the database. `own` are the tracks that are judged here; none named: all."""
    metagraph = await chain.metagraph()
    for name, hotkey in (("validator", me), ("subnet's owner", metagraph.owner_hotkey)):
        if metagraph.neuron(hotkey) is None:
            log.error("weights wait: not registered", who=name, hotkey=hotkey)
    unfolded = await _unfolded(store, own)
    closed = unfolded is not None and unfolded.state is RoundState.CLOSED
    head = await store.ledger.head()
    return View(
        metagraph=metagraph,
        trust=trusted,
        latest=await store.rounds.latest(),
        unfolded=unfolded,
        evidence=await store.rounds.evidence(unfolded.round) if unfolded is not None and closed else None,
        statuses=await _statuses(store, head, unfolded) if unfolded is None or decide.ends(unfolded, metagraph.block) else (),
        head=head,
        candidates=await store.submissions.candidates(() if head is None else sorted(head.state.kept)),
    )


async def _unfolded(store: Store, own: frozenset[str]) -> Round | None:
    """The oldest round that is not in the ledger. What turned out to be of a track that others judge keeps none open."""
    found = next(iter(await store.ledger.waiting(1)), None)
    if found is None or not own or found.pending == 0:
        return found
    return replace(found, pending=await store.rounds.pending(found.round, own))


async def _statuses(store: Store, head: LedgerEntry | None, unfolded: Round | None) -> tuple[SubmissionStatus, ...]:
    known = () if head is None else sorted(head.state.known)
    return await store.submissions.statuses(known, None if unfolded is None else unfolded.round)


async def _draw(
    chain: Chain, me: Hotkey, followed: FollowedTracks | None, found: RoundEvidence | None, entry: LedgerEntry
) -> None:
    """Draw from what was taken over the evaluations that are judged again, by the hash of the block at which the round closed."""
    if followed is not None and found is not None and found.eligibility is not None:
        await followed.draw(me, await chain.block_hash(found.eligibility.block), entry, found)


async def _fold(store: Store, entry: LedgerEntry) -> bool:
    """Append an entry and log its decisions; False where another process of this validator was faster."""
    try:
        await store.ledger.append(entry)
    except OutOfOrder as late:
        log.info("fold skipped", round=entry.round, why=late.detail)
        return False
    log_entry(entry)
    return True


async def _open(chain: Chain, store: Store, action: OpenRound) -> None:
    opening = action.opening
    seed = await chain.block_hash(opening.start)
    new = NewRound(
        round=opening.number,
        start_block=opening.start,
        block_hash=seed,
        deadline_block=opening.deadline,
        competition_hash=action.competition_hash,
    )
    asked = [
        RoundEntry(entry.submission, entry.track, QueueName.of(entry.device), priority)
        for priority, entry in enumerate(opening.entries)
    ]
    if await store.rounds.open(new, asked):
        log.info("round opened", round=opening.number, seed=seed, evaluations=len(asked))


async def run(
    chain: Chain,
    store: Store,
    signer: ValidatorIdentity,
    schedule: Schedule,
    *,
    pause: timedelta,
    stop: Shutdown,
    ticks: Ticks | None = None,
    done: Callable[[], None] = lambda: None,
    followed: FollowedTracks | None = None,
) -> None:
    """Tick until asked to stop; `ticks` counts them, `done` is called after each that did something.

    A named outage waits for the next tick; a bug ends the process.
    """
    counted = ticks or Ticks()
    while not stop.requested:
        busy = False
        try:
            with counted.measured():
                busy = await tick(chain, store, signer, schedule, followed)
        except (ApiUnavailable, ChainUnavailable, DatabaseUnavailable) as outage:
            log.warning("tick skipped", code=outage.code, detail=outage.detail)
        if busy:
            done()
        else:
            await stop.wait(pause)


async def serve(url: str, opening: Opening, signer: ValidatorIdentity, terms: Terms, *, stop: Shutdown, ticks: Ticks) -> None:
    """Run the whole validator on a database's URL: rounds, and beside them weights, until asked to stop."""
    database = await connect(url, lazy=True)  # a tick waits for it
    try:
        store = Store.over(database, signer.hotkey)
        metrics = ValidatorMetrics(ticks.registry)
        weights = WeightSetter(opening, store.ledger, store.weights, store.submissions, terms, metrics=metrics)
        async with opening(0) as chain:
            rounds = run(chain, store, signer, terms.schedule, pause=terms.pause, stop=stop, ticks=ticks, done=weights.wake)
            await together(rounds, weights.run(stop))
    finally:
        await database.close()
