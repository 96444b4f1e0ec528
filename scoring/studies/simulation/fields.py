"""A field of made-up miners under the real rules: `open_round` says who is judged, `fold` folds rounds, `plan` plans weights."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from scoring.competition import Competition, Track
from scoring.errors import Code, PlatformError
from scoring.ranking import fold
from scoring.ranking.duel import DuelOutcome, threshold
from scoring.ranking.fold import Judged, LedgerVerdict, RoundResult
from scoring.ranking.opening import RoundView, open_round
from scoring.ranking.queue import RoundCandidate
from scoring.ranking.state import SUPERSEDED, State, TrackState
from scoring.studies.simulation.actors import WORTHLESS, Actor, MadeUpModel, Moment
from scoring.studies.simulation.world import World, groups_of
from scoring.types import (
    MICRO,
    Block,
    Entrant,
    Hotkey,
    Micro,
    RoundNumber,
    SubmissionId,
    TensorsHash,
    Uid,
    Weight,
    entrant,
    parse_entrant,
)
from scoring.weights import plan as weights
from scoring.weights.plan import Snapshot, TrackPay

OWNER = Uid(0)
BASE = 0.6
"""Leads count from this score on: made-up models score lower than real ones, so that nothing is cut off at 1."""
IMMUNE = Block(2**40)
"""A block that no run comes to."""
SETTLED = (DuelOutcome.CROWNED, DuelOutcome.FUTILE, DuelOutcome.MAX_ROUNDS)
Advance = Callable[[int], None]
Bias = Callable[[int, Sequence[Hotkey]], Mapping[Hotkey, float]]
"""What workers add to the true mean scores of a round, by hotkey, given the hotkeys that they judge in it."""


def honest_workers(_number: int, _judged: Sequence[Hotkey]) -> Mapping[Hotkey, float]:
    """Nothing is added to anybody's score."""
    return {}


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
    previous: Block | None
    """The block of its hotkey's commitment before."""


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
    former: float
    """What hotkeys earned while another one was king, or nobody."""
    evaluations: int
    crownings: tuple[Crowning, ...]
    debuts: tuple[Debut, ...]
    settled: tuple[tuple[float, int], ...]
    """Each challenger that was settled: its duel ended, or it promised less than nothing before it had one. The evidence that its duel
    needed, and the groups on which it was judged until then while this king held the top."""
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
    bias: Bias = honest_workers,
) -> Played:
    """Play one run over some rounds; workers are honest unless a bias is given."""
    track = competition.track[0]
    track = track.model_copy(update={"pay": track.pay.model_copy(update={"base": BASE})})
    game = Game(actors=actors, world=world, competition=competition.alone(track), seed=seed, bias=bias)
    for number in range(rounds):
        game.judge(RoundNumber(number))
        game.pay(RoundNumber(number))
        game.commit(RoundNumber(number))
        advance(1)
    debuts = tuple(Debut(start, lead, game.served.get(name)) for name, (start, lead) in game.debuts.items())
    return Played(
        earned=tuple(game.earned),
        burned=game.burned,
        former=game.former,
        evaluations=game.evaluations,
        crownings=tuple(game.crownings),
        debuts=debuts,
        settled=tuple(game.settled),
        last=game.last,
        vectors=tuple(game.vectors),
    )


@dataclass(slots=True, kw_only=True)
class Game:
    """One run, round by round: everything that it remembers."""

    actors: Sequence[Actor]
    world: World
    competition: Competition
    seed: int
    bias: Bias = honest_workers
    immune: frozenset[str] = frozenset()
    """The actors, by name, whose hotkeys are always too new to be deregistered."""
    ledger: State = field(default_factory=State)
    known: dict[Entrant, MadeUpCommitment] = field(default_factory=dict)
    latest: dict[Hotkey, MadeUpCommitment] = field(default_factory=dict)
    originals: dict[str, MadeUpCommitment] = field(default_factory=dict)
    standing: dict[Entrant, RoundNumber] = field(default_factory=dict)
    asked: dict[Entrant, RoundNumber] = field(default_factory=dict)
    spent: dict[Entrant, int] = field(default_factory=dict)
    debuts: dict[Entrant, tuple[int, float]] = field(default_factory=dict)
    served: dict[Entrant, int] = field(default_factory=dict)
    crownings: list[Crowning] = field(default_factory=list)
    settled: list[tuple[float, int]] = field(default_factory=list)
    let_go: set[Entrant] = field(default_factory=set)
    """Whoever promised this king less than nothing before it had a duel."""
    earned: list[float] = field(init=False)
    hotkeys: list[list[Hotkey]] = field(init=False)
    """By actor."""
    uids: dict[Hotkey, Uid] = field(init=False)
    owner_of: dict[Uid, int] = field(init=False)
    last: Snapshot = field(init=False)
    vectors: list[Mapping[Uid, Weight]] = field(default_factory=list)
    burned: float = 0.0
    former: float = 0.0
    evaluations: int = 0

    def __post_init__(self) -> None:
        self.hotkeys = [[Hotkey(f"actor{n}-{place}") for place in range(who.hotkeys)] for n, who in enumerate(self.actors)]
        owners = [(hotkey, actor) for actor, hotkeys in enumerate(self.hotkeys) for hotkey in hotkeys]
        self.earned = [0.0] * len(self.actors)
        self.uids = {hotkey: Uid(uid) for uid, (hotkey, _) in enumerate(owners, 1)}
        self.owner_of = {Uid(uid): actor for uid, (_, actor) in enumerate(owners, 1)}

    @property
    def track(self) -> Track:
        """The one that is played."""
        return self.competition.track[0]

    @property
    def state(self) -> TrackState:
        """Its state."""
        return self.ledger.of(self.track.name)

    def judge(self, number: RoundNumber) -> None:
        """Draw the round's scores and fold them."""
        gone = self._gone(number)
        for name in gone:
            self.standing.pop(name)
        names = self._opened(number)
        if not names:
            return
        before, start = self.state, Block(number * self.competition.round.blocks)
        result = RoundResult(number, start, self._judged(names, number), gone)
        self.ledger = fold.fold(self.ledger, result, self.competition)
        self._note(before, names, number)

    def _opened(self, number: RoundNumber) -> list[Entrant]:
        """The submissions that the validator asks for in this round; no immunity ends."""
        start = Block(number * self.competition.round.blocks)
        candidates = [
            RoundCandidate(
                submission=SubmissionId(place),
                commit_block=self.known[name].block,
                tiebreak=self.known[name].hotkey,
                previous_block=self.known[name].previous,
                immune_until=self._immune_until(self.known[name].hotkey),
                last_asked=self.asked.get(name),
                entrant=name,
                family=self.track.families[0],
            )
            for place, name in enumerate(self.standing)
        ]
        view = RoundView(
            finalized=start,
            last_opened=None,
            any_open=False,
            state=self.ledger,
            candidates=candidates,
            tracks=frozenset({self.track.name}),
        )
        opening = open_round(view, self.competition)
        return [] if opening is None else [candidates[entry.submission].entrant for entry in opening.entries]

    def _immune_until(self, hotkey: Hotkey) -> Block:
        return IMMUNE if self.actors[self.owner_of[self.uids[hotkey]]].name in self.immune else Block(0)

    def _judged(self, names: Sequence[Entrant], number: RoundNumber) -> list[Judged]:
        """The workers' verdicts: a copy is rejected where it is found, everything else is scored."""
        found = [self.known[name] for name in names]
        added = self.bias(number, [item.hotkey for item in found])
        models = {item.number: self.world.measured(item.model.quality, number) + added.get(item.hotkey, 0.0) for item in found}
        scores = self.world.ask([self.seed, number], models, groups_of(self.competition)).tolist()
        scale = self.world.scale(number)
        return [self._outcome(item, row, scale) for item, row in zip(found, scores, strict=True)]

    def _outcome(self, item: MadeUpCommitment, row: Sequence[int], scale: str) -> Judged:
        original = self.originals[item.model.tensors]
        copied = original.hotkey != item.hotkey
        return Judged(
            entrant=item.entrant,
            hotkey=item.hotkey,
            commit_block=item.block,
            tiebreak=item.hotkey,
            tensors=TensorsHash(item.model.tensors),
            track=self.track.name,
            verdict=LedgerVerdict.REJECTED if copied else LedgerVerdict.SCORED,
            groups={} if copied else {f"{place:02d}": Micro(score) for place, score in enumerate(row)},
            speed=item.model.speed,
            reason=f"a copy of {original.entrant}, which was committed earlier" if copied else "",
            scale="" if copied else scale,
        )

    def _gone(self, number: RoundNumber) -> Mapping[Entrant, str]:
        """Superseded submissions whose successor was judged, or that waited long enough for it; a king and a measured lead wait longer."""
        kept, reasons = self.state.kept, {}
        for name in self.standing:
            newest = self.latest[self.known[name].hotkey]
            if newest.entrant == name:
                continue
            grace = self.track.throne.heir_rounds if name in kept else self.competition.round.grace_rounds
            waited = number - newest.round > grace
            if waited or (newest.entrant in self.asked and name not in kept):
                reasons[name] = SUPERSEDED
        return reasons

    def _note(self, before: TrackState, names: Sequence[Entrant], number: RoundNumber) -> None:
        """Keep the round's cost and its changes at the top."""
        self.evaluations += len(names)
        for name in names:
            self.asked[name] = number
            self.spent[name] = self.spent.get(name, 0) + groups_of(self.competition)
            if before.king is not None and name not in self.debuts and name != before.king:
                self.debuts[name] = number, self._lead(name, before.king)
        self._settle()
        if self.state.king is None or self.state.king == before.king:
            return
        self.spent.clear()
        self.let_go.clear()
        best = self.known[self.state.king].model.quality
        for name in self.debuts:
            if self.known[name].model.quality <= best:
                self.served.setdefault(name, number)
        won = {duel.entrant for duel in self.state.ended if duel.outcome is DuelOutcome.CROWNED}
        if before.king is not None and before.duel is not None and self.state.king in won:
            self.crownings.append(Crowning(number, self._lead(self.state.king, before.king), before.duel.margin / MICRO))

    def _settle(self) -> None:
        """Count whoever lost or won a duel in this round, and whoever promises less than nothing."""
        for duel in self.state.ended:
            if duel.outcome in SETTLED:
                self.settled.append((duel.threshold, self.spent.pop(duel.entrant)))
        needed = threshold(self.track.duel, self.state.challengers_met + 1)
        for each in self.state.challengers:
            if each.promise < 0 and not each.lost and each.entrant not in self.let_go and each.entrant in self.spent:
                self.let_go.add(each.entrant)
                self.settled.append((needed, self.spent.pop(each.entrant)))

    def _lead(self, name: Entrant, king: Entrant) -> float:
        return (self.known[name].model.quality - self.known[king].model.quality) * (1.0 - self.world.failures)

    def pay(self, number: RoundNumber) -> None:
        """One round's emission by the real plan."""
        block = Block((number + 1) * self.competition.round.blocks)
        self.last = Snapshot(
            ledger_hash="",
            state=self.ledger,
            block=block,
            owner=OWNER,
            uids=self.uids,
            registered_at=dict.fromkeys(self.uids, Block(0)),
            pays=(TrackPay.of(self.track),),
            competition_hash="",
        )
        plan = weights.plan(self.last)
        self.vectors.append(plan.vector)
        self.former += sum(share.share for line in plan.lines for share in line.tracks if share.place != 0)
        for uid, share in plan.vector.items():
            if uid == OWNER:
                self.burned += share
            else:
                self.earned[self.owner_of[uid]] += share

    def commit(self, number: RoundNumber) -> None:
        """Every hotkey's turn; blocks within the round are drawn, but an actor's own hotkeys commit one after the other."""
        for actor, who in enumerate(self.actors):
            generator = np.random.default_rng([self.seed, number, 1, actor])
            first = int(generator.integers(self.competition.round.blocks // 2))
            hotkeys = self.hotkeys[actor]
            mine = [self.latest[hotkey].model if hotkey in self.latest else None for hotkey in hotkeys]
            for place, hotkey in enumerate(hotkeys):
                moment = self._moment(number, actor, place, tuple(mine), generator)
                model = who.strategy.commit(moment)
                if model is not None:
                    self._check(who, moment, model)
                    self._take(hotkey, model, number, first + place)
                    mine[place] = model

    def _moment(
        self, number: RoundNumber, actor: int, place: int, mine: tuple[MadeUpModel | None, ...], generator: np.random.Generator
    ) -> Moment:
        hotkeys = self.hotkeys[actor]
        reigning = None if self.state.king is None else parse_entrant(self.state.king)[0]
        last = self.latest.get(hotkeys[place])
        return Moment(
            round=number,
            place=place,
            ability=self.actors[actor].can(number),
            king=None if self.state.king is None else self.known[self.state.king].model,
            king_place=hotkeys.index(reigning) if reigning in hotkeys else None,
            mine=mine,
            last=None if last is None else last.round,
            cooldown=self.competition.cooldown_blocks // self.competition.round.blocks,
            generator=generator,
            new_scale=None if self.world.new_scale is None else self.world.new_scale.round,
        )

    def _check(self, who: Actor, moment: Moment, model: MadeUpModel) -> None:
        """Raise PlatformError(ARGUMENT_INVALID) for what nobody could commit: a better model than trained or public, or one too soon."""
        public = max((item.model.quality for item in self.known.values()), default=WORTHLESS)
        if not 0.0 <= model.quality <= max(moment.ability, public):
            why = f"of {model.quality:g}; it can train {moment.ability:g}, and the best public one is {public:g}"
            raise PlatformError(Code.ARGUMENT_INVALID, f"{who.name} commits a model in round {moment.round} {why}")
        if not moment.free:
            why = f"its last commit was in round {moment.last}, and a hotkey waits {moment.cooldown} rounds"
            raise PlatformError(Code.ARGUMENT_INVALID, f"{who.name} commits in round {moment.round} too soon: {why}")

    def _take(self, hotkey: Hotkey, model: MadeUpModel, number: RoundNumber, offset: int) -> None:
        block = Block(number * self.competition.round.blocks + offset)
        item = MadeUpCommitment(
            entrant=entrant(hotkey, block),
            hotkey=hotkey,
            number=zlib.crc32(f"{hotkey}@{block}".encode()),
            model=model,
            round=number,
            block=block,
            previous=self.latest[hotkey].block if hotkey in self.latest else None,
        )
        self.known[item.entrant] = self.latest[hotkey] = item
        self.originals.setdefault(model.tensors, item)
        self.standing[item.entrant] = number
