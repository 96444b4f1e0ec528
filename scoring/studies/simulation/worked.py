"""Numbers for the page, each from the function that decides: margins, thresholds, a duel round by round, the reasons of a plan."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scoring.competition import Competition, DuelRules
from scoring.ranking import duel as duels
from scoring.ranking.duel import Duel, DuelOutcome
from scoring.studies.simulation import actors
from scoring.studies.simulation.fields import play
from scoring.studies.simulation.world import World, groups_of
from scoring.types import Entrant, RoundNumber, to_micro
from scoring.weights import plan as weights
from scoring.weights.explanation import UidExplanation, explain_all
from scoring.weights.plan import UidShare

BLOCK_SECONDS = 12
KING = to_micro(0.65)
LEADS = (0.05, 0.03, 0.0, -0.02)
_SEED = 7


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
    rules = competition.duel
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


def explained(competition: Competition) -> list[ExplainedLine]:
    """One line for each kind of case in a small mixed field after 40 rounds, the highest share first."""
    who = actors.mixed()
    played = play(who, 40, world=World(), competition=competition, seed=_SEED, advance=lambda _: None)
    names = [actor.name for actor in who for _ in range(actor.hotkeys)]
    plan = weights.plan(played.last)
    words = explain_all(played.last, plan)
    chosen: dict[str, ExplainedLine] = {}
    for name, line in zip(names, plan.lines, strict=True):
        found = ExplainedLine(name, line, words[line.uid])
        chosen.setdefault(_kind(found), found)
    return sorted(chosen.values(), key=lambda found: (-found.line.share, found.line.uid))


def _kind(found: ExplainedLine) -> str:
    if found.line.place is not None:
        return "king" if found.line.place == 0 else "tail"
    return "".join(character for character in found.words.lacks if not character.isdigit())[:24]


def rounds_as_days(rounds: Sequence[float], competition: Competition) -> list[float]:
    """Rounds as days."""
    return [hours(round(each * competition.round.blocks)) / 24 for each in rounds]
