"""A field of made-up miners under the real rules: rounds are folded by `ranking.fold`, weights planned by `weights.plan`."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from scoring.competition import Competition
from scoring.ranking import fold
from scoring.ranking.duel import DuelOutcome, EndedDuel
from scoring.ranking.fold import Judged, LedgerVerdict, RoundResult
from scoring.ranking.state import State
from scoring.studies.simulation.actors import Actor, MadeUpModel, Moment
from scoring.studies.simulation.world import World, groups_of
from scoring.types import MICRO, Block, Entrant, Hotkey, Micro, RoundNumber, TensorsHash, Uid, Weight, entrant
from scoring.weights import plan as weights
from scoring.weights.plan import Snapshot

OWNER = Uid(0)
SETTLED = (DuelOutcome.CROWNED, DuelOutcome.FUTILE, DuelOutcome.MAX_ROUNDS)
Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUpCommitment:
    """A model under a hotkey, judged in the rounds after its own."""

    entrant: Entrant
    hotkey: Hotkey
    number: int
    """Its own in a run: the seed of its scores."""
    model: MadeUpModel
    round: RoundNumber
    block: Block


@dataclass(frozen=True, slots=True)
class Crowning:
    """A king fell to a duel: by how much the new king is truly better (below 0: worse), and the margin that it had to exceed."""

    round: int
    lead: float
    margin: float


@dataclass(frozen=True, slots=True)
class Debut:
    """A challenger's first judged round, its true lead over the king of then, and the round from which on a model as good was king."""

    round: int
    lead: float
    served: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """The result of one run of a field."""

    earned: tuple[float, ...]
    """By actor; a round's emission is 1."""
    burned: float
    evaluations: int
    crownings: tuple[Crowning, ...]
    debuts: tuple[Debut, ...]
    settled: tuple[tuple[EndedDuel, int], ...]
    """Each duel that was settled, and the groups on which its challenger was judged while this king held the top."""
    last: Snapshot
    """The last round's weights are planned from it."""
    vectors: tuple[Mapping[Uid, Weight], ...]
    """The weights after each round."""


def play(
    actors: Sequence[Actor],
    rounds: int,
    *,
    world: World,
    competition: Competition,
    seed: int,
    advance: Advance,
) -> Played:
    """Play one run over some rounds."""
    game = _Game(actors=actors, world=world, competition=competition, seed=seed)
    for number in range(rounds):
        game.judge(RoundNumber(number))
        game.pay(RoundNumber(number))
        game.commit(RoundNumber(number))
        advance(1)
    debuts = tuple(Debut(start, lead, game.served.get(name)) for name, (start, lead) in game.debuts.items())
    return Played(
        earned=tuple(game.earned),
        burned=game.burned,
        evaluations=game.evaluations,
        crownings=tuple(game.crownings),
        debuts=debuts,
        settled=tuple(game.settled),
        last=game.last,
        vectors=tuple(game.vectors),
    )


@dataclass(slots=True, kw_only=True)
class _Game:
    """Everything that a run remembers."""

    actors: Sequence[Actor]
    world: World
    competition: Competition
    seed: int
    state: State = field(default_factory=State)
    known: dict[Entrant, MadeUpCommitment] = field(default_factory=dict)
    latest: dict[Hotkey, MadeUpCommitment] = field(default_factory=dict)
    originals: dict[str, MadeUpCommitment] = field(default_factory=dict)
    standing: dict[Entrant, RoundNumber] = field(default_factory=dict)
    asked: dict[Entrant, RoundNumber] = field(default_factory=dict)
    spent: dict[Entrant, int] = field(default_factory=dict)
    paid: list[Entrant] = field(default_factory=list)
    debuts: dict[Entrant, tuple[int, float]] = field(default_factory=dict)
    served: dict[Entrant, int] = field(default_factory=dict)
    crownings: list[Crowning] = field(default_factory=list)
    settled: list[tuple[EndedDuel, int]] = field(default_factory=list)
    earned: list[float] = field(init=False)
    uids: dict[Hotkey, Uid] = field(init=False)
    owner_of: dict[Uid, int] = field(init=False)
    last: Snapshot = field(init=False)
    vectors: list[Mapping[Uid, Weight]] = field(default_factory=list)
    burned: float = 0.0
    evaluations: int = 0

    def __post_init__(self) -> None:
        hotkeys = [(_hotkey(actor, place), actor) for actor, who in enumerate(self.actors) for place in range(who.hotkeys)]
        self.earned = [0.0] * len(self.actors)
        self.uids = {hotkey: Uid(uid) for uid, (hotkey, _) in enumerate(hotkeys, 1)}
        self.owner_of = {Uid(uid): actor for uid, (_, actor) in enumerate(hotkeys, 1)}

    def judge(self, number: RoundNumber) -> None:
        """Draw the round's scores and fold them."""
        gone = self._gone(number)
        for name in gone:
            self.standing.pop(name)
        names = choose(self.state, self.paid, self.standing, self.asked, self.competition.round.evaluations)
        if not names:
            return
        before, start = self.state, Block(number * self.competition.round.blocks)
        result = RoundResult(number, start, self._judged(names, number), gone)
        self.state = fold.fold(before, result, self.competition)
        self._note(before, names, number)

    def _judged(self, names: Sequence[Entrant], number: RoundNumber) -> list[Judged]:
        """The workers' verdicts: a copy is rejected where it is found, everything else is scored."""
        found = [self.known[name] for name in names]
        models = {item.number: item.model.quality for item in found}
        scores = self.world.ask([self.seed, number], models, groups_of(self.competition)).tolist()
        return [self._outcome(item, row) for item, row in zip(found, scores, strict=True)]

    def _outcome(self, item: MadeUpCommitment, row: Sequence[int]) -> Judged:
        original = self.originals[item.model.tensors]
        copied = original.hotkey != item.hotkey
        return Judged(
            entrant=item.entrant,
            hotkey=item.hotkey,
            commit_block=item.block,
            tiebreak=item.hotkey,
            tensors=TensorsHash(item.model.tensors),
            verdict=LedgerVerdict.REJECTED if copied else LedgerVerdict.SCORED,
            groups={} if copied else {f"{place:02d}": Micro(score) for place, score in enumerate(row)},
            speed=item.model.speed,
            reason=f"a copy of {original.entrant}, which was committed earlier" if copied else "",
        )

    def _gone(self, number: RoundNumber) -> Mapping[Entrant, str]:
        """Superseded submissions whose successor was judged, or that waited long enough for it."""
        reasons = {}
        for name in self.standing:
            newest = self.latest[self.known[name].hotkey]
            waited = number - newest.round > self.competition.round.grace_rounds
            if newest.entrant != name and (newest.entrant in self.asked or waited):
                reasons[name] = "superseded"
        return reasons

    def _note(self, before: State, names: Sequence[Entrant], number: RoundNumber) -> None:
        """Keep the round's cost and its changes at the top."""
        self.evaluations += len(names)
        for name in names:
            self.asked[name] = number
            self.spent[name] = self.spent.get(name, 0) + groups_of(self.competition)
            if before.king is not None and name not in self.debuts and name != before.king:
                self.debuts[name] = number, self._lead(name, before.king)
        self.settled += [(duel, self.spent[duel.entrant]) for duel in self.state.ended if duel.outcome in SETTLED]
        if self.state.king is None or self.state.king == before.king:
            return
        self.spent.clear()
        best = self.known[self.state.king].model.quality
        for name in self.debuts:
            if self.known[name].model.quality <= best:
                self.served.setdefault(name, number)
        won = {duel.entrant for duel in self.state.ended if duel.outcome is DuelOutcome.CROWNED}
        if before.king is not None and self.state.king in won:
            duel = next(duel for duel in before.duels if duel.challenger == self.state.king)
            self.crownings.append(Crowning(number, self._lead(self.state.king, before.king), duel.margin / MICRO))

    def _lead(self, name: Entrant, king: Entrant) -> float:
        return (self.known[name].model.quality - self.known[king].model.quality) * (1.0 - self.world.failures)

    def pay(self, number: RoundNumber) -> None:
        """One round's emission by the real plan."""
        shares, block = self.competition.shares, Block((number + 1) * self.competition.round.blocks)
        self.last = Snapshot(
            ledger_hash="",
            state=self.state,
            block=block,
            owner=OWNER,
            uids=self.uids,
            registered_at=dict.fromkeys(self.uids, Block(0)),
            shares=shares.king_and_tail,
            tail_floor=shares.tail_floor,
            tie_band=shares.tie_band,
            tie_speed=shares.tie_speed,
            competition_hash="",
        )
        plan = weights.plan(self.last)
        self.vectors.append(plan.vector)
        for uid, share in plan.vector.items():
            if uid == OWNER:
                self.burned += share
            else:
                self.earned[self.owner_of[uid]] += share
        self.paid = [line.entrant for line in plan.lines if line.share > 0.0 and line.entrant is not None]

    def commit(self, number: RoundNumber) -> None:
        """Every hotkey's turn; blocks within the round are drawn, but an actor's own hotkeys commit one after the other."""
        king = None if self.state.king is None else self.known[self.state.king].model
        cooldown = self.competition.limits.cooldown_blocks // self.competition.round.blocks
        for actor, who in enumerate(self.actors):
            generator = np.random.default_rng([self.seed, number, 1, actor])
            first = int(generator.integers(self.competition.round.blocks // 2))
            for place in range(who.hotkeys):
                hotkey = _hotkey(actor, place)
                last = self.latest.get(hotkey)
                own, since = (None, None) if last is None else (last.model, last.round)
                model = who.strategy.commit(
                    Moment(round=number, place=place, king=king, own=own, last=since, cooldown=cooldown, generator=generator)
                )
                if model is not None:
                    self._take(hotkey, model, number, first + place)

    def _take(self, hotkey: Hotkey, model: MadeUpModel, number: RoundNumber, offset: int) -> None:
        block = Block(number * self.competition.round.blocks + offset)
        item = MadeUpCommitment(
            entrant=entrant(hotkey, block),
            hotkey=hotkey,
            number=zlib.crc32(f"{hotkey}@{block}".encode()),
            model=model,
            round=number,
            block=block,
        )
        self.known[item.entrant] = self.latest[hotkey] = item
        self.originals.setdefault(model.tensors, item)
        self.standing[item.entrant] = number


def _hotkey(actor: int, place: int) -> Hotkey:
    return Hotkey(f"actor{actor}-{place}")


def choose(
    state: State,
    paid: Sequence[Entrant],
    standing: Mapping[Entrant, RoundNumber],
    asked: Mapping[Entrant, RoundNumber],
    most: int,
) -> list[Entrant]:
    """At most `most` of those that stand, in order: king, paid places, newcomers and open duels, then those that were asked longest ago.

    The real validator does the same, but that nobody here is near the end of an immunity. `standing` are candidates in the order of
    their commits, `asked` says in which round each was judged last.
    """
    rejected = {rejection.entrant for rejection in state.rejections}
    open_duels = {duel.challenger for duel in state.duels}
    first = [entrant for entrant in (state.king, *paid) if entrant is not None]
    waiting = [entrant for entrant in standing if entrant in open_duels or entrant not in asked]
    settled = sorted((entrant for entrant in standing if entrant not in rejected), key=lambda e: asked.get(e, RoundNumber(-1)))
    ordered = dict.fromkeys([*first, *waiting, *settled])
    return [entrant for entrant in ordered if entrant in standing][:most]
