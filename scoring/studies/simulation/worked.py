"""Numbers for the page, each from the function that decides: margins, thresholds, a duel round by round, the reasons of a plan."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scoring.competition import Competition, DuelRules
from scoring.ranking import duel as duels
from scoring.ranking.credit import Credit, settled
from scoring.ranking.duel import Duel, DuelOutcome
from scoring.ranking.state import State, TrackState
from scoring.studies.simulation import actors
from scoring.studies.simulation.fields import play
from scoring.studies.simulation.world import World, groups_of
from scoring.types import Block, Entrant, Hotkey, Micro, RoundNumber, Uid, Weight, to_micro
from scoring.weights import plan as weights
from scoring.weights.explanation import UidExplanation, explain_all
from scoring.weights.plan import Snapshot, TrackPay, UidShare

BLOCK_SECONDS = 12
KING = to_micro(0.65)
LEADS = (0.05, 0.03, 0.0, -0.02)
_SEED = 7
EXPLAINED = 100
"""Rounds of the field of which shares are explained."""


@dataclass(frozen=True, slots=True)
class Fought:
    """A duel as it went: the true lead, the evidence at each round's end, and how it ended."""

    lead: float
    wealth: tuple[float, ...]
    outcome: DuelOutcome


def hours(blocks: int) -> float:
    """Blocks as hours."""
    return blocks * BLOCK_SECONDS / 3600


def margins(rules: DuelRules) -> list[tuple[int, float]]:
    """King's age in blocks, and the margin then for a king at .65."""
    ages = [rules.margin_decay_blocks * quarter // 4 for quarter in range(5)]
    return [(age, duels.margin(rules, age, KING) / 1e6) for age in ages]


def thresholds(rules: DuelRules) -> list[tuple[int, float, float]]:
    """Challenger, evidence that it needs, and the chance of error that all up to it have used at most."""
    spent, rows = 0.0, []
    for nth in range(1, 1001):
        spent += 1.0 / duels.threshold(rules, nth)
        if nth in (1, 2, 10, 30, 50, 200, 1000):
            rows.append((nth, duels.threshold(rules, nth), spent))
    return rows


def fought(competition: Competition) -> list[Fought]:
    """The first challenger of a new king, with several true leads, on the same luck."""
    return [_fight(lead, competition) for lead in LEADS]


def _fight(lead: float, competition: Competition) -> Fought:
    rules = competition.track[0].duel
    drawn = World().differences(np.random.default_rng(_SEED), lead, (rules.max_rounds, groups_of(competition)))
    duel = Duel(
        challenger=Entrant("challenger"),
        king=Entrant("king"),
        opened=RoundNumber(0),
        margin=duels.margin(rules, 0, KING),
        threshold=duels.threshold(rules, 1),
    )
    wealth = []
    for row in drawn:
        duel = duels.step(duel, row, rules)
        wealth.append(duel.wealth)
        if duels.read(duel, rules) is not DuelOutcome.OPEN:
            break
    return Fought(lead, tuple(wealth), duels.read(duel, rules))


@dataclass(frozen=True, slots=True)
class ExplainedLine:
    """One line of a plan: whose it is (the actor's name), and its explanation."""

    name: str
    line: UidShare
    words: UidExplanation

    @property
    def evidence(self) -> str:
        """The evidence in the track that is played, '' where nothing was scored."""
        return next((track.evidence for track in self.words.tracks), "")

    @property
    def lacks(self) -> str:
        """The reason why it is not paid, '' where it is."""
        return next((track.lacks for track in self.words.tracks), self.words.reason)


def explained(competition: Competition) -> list[ExplainedLine]:
    """One line for each kind of case in a small mixed field after EXPLAINED rounds, the highest share first."""
    who = actors.mixed()
    played = play(who, EXPLAINED, world=World(), competition=competition, seed=_SEED, advance=lambda _: None)
    names = [actor.name for actor in who for _ in range(actor.hotkeys)]
    plan = weights.plan(played.last)
    words = explain_all(played.last, plan)
    chosen: dict[str, ExplainedLine] = {}
    for name, line in zip(names, plan.lines, strict=True):
        found = ExplainedLine(name, line, words[line.uid])
        chosen.setdefault(_kind(found), found)
    return sorted(chosen.values(), key=lambda found: (-found.line.share, found.line.uid))


def _kind(found: ExplainedLine) -> str:
    place = next((share.place for share in found.line.tracks), None)
    if place is not None:
        return "king" if place == 0 else "former king"
    return "".join(character for character in found.lacks if not character.isdigit())[:24]


@dataclass(frozen=True, slots=True)
class PaidMoment:
    """A moment of the worked example: what happened, and credit and share of each miner, None for who has not come yet."""

    what: str
    rows: tuple[tuple[Micro, Weight] | None, ...]


EXAMPLE = ("A", "B", "C")


def paid(competition: Competition) -> list[PaidMoment]:
    """Three kings one after the other, each better than the last; credits by the real decay, shares by the real plan."""
    pay = competition.track[0].pay
    week, base = 7 * 86_400 // BLOCK_SECONDS, to_micro(pay.base)
    first = _lead("A", None, pay.measured_groups, 30_000, base)
    second = _lead("B", "A", pay.measured_groups, 20_000, base)
    third = _lead("C", "B", pay.measured_groups, 10_000, base)
    leads: tuple[Credit, ...] = (first,)
    found = []
    for what, block, king, new in (
        ("A takes the empty throne, .03 above the base", 0, "A", ()),
        ("B takes the top with a lead of .02", 1, "B", (second,)),
        ("a week later", 1 + week, "B", ()),
        ("C takes the top with a lead of .01", 2 + week, "C", (third,)),
        ("two weeks later", 2 + 3 * week, "C", ()),
        ("six more weeks later", 2 + 9 * week, "C", ()),
    ):
        leads = settled((*leads, *new), Entrant(f"{king}@0"), Block(block), pay)
        found.append(PaidMoment(what, _paid(leads, king, competition)))
    return found


def _lead(who: str, over: str | None, groups: int, lead: int, level: Micro) -> Credit:
    """A lead that was measured to the last digit."""
    return Credit(
        entrant=Entrant(f"{who}@0"),
        over=None if over is None else Entrant(f"{over}@0"),
        level=level,
        groups=groups,
        total=groups * lead,
        squares=groups * lead * lead,
    )


def _paid(leads: Sequence[Credit], king: str, competition: Competition) -> tuple[tuple[Micro, Weight] | None, ...]:
    track = competition.track[0]
    state = TrackState(track=track.name, king=Entrant(f"{king}@0"), leads=tuple(leads))
    snapshot = Snapshot(
        ledger_hash="",
        state=State(tracks=(state,)),
        block=Block(0),
        owner=Uid(0),
        uids={Hotkey(who): Uid(uid) for uid, who in enumerate(EXAMPLE, 1)},
        registered_at=dict.fromkeys(map(Hotkey, EXAMPLE), Block(0)),
        pays=(TrackPay.of(track),),
        competition_hash="",
    )
    shares = {line.hotkey: share for line in weights.plan(snapshot).lines for share in line.tracks}
    come = {credit.hotkey for credit in leads}
    return tuple((shares[hotkey].credit, shares[hotkey].share) if hotkey in come else None for hotkey in map(Hotkey, EXAMPLE))


def rounds_as_days(rounds: Sequence[float], competition: Competition) -> list[float]:
    """Rounds as days."""
    return [hours(round(each * competition.round.blocks)) / 24 for each in rounds]
