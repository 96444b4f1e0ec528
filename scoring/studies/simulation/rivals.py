"""Other rules for the same question, on the same draws: when is a challenger better than the king?

A king and a challenger are scored on the same groups, round after round. Each rule looks at what there is and crowns the challenger or
not. Looking after every round is what a validator does; a rule that was made for one look errs more often then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from scoring.competition import Competition
from scoring.ranking import duel as duels
from scoring.schema import StrictModel, read_measured
from scoring.studies.simulation.estimates import Rate, rate
from scoring.studies.simulation.power import Alone
from scoring.studies.simulation.reign import Advance
from scoring.studies.simulation.world import Micros, World, groups_of
from scoring.types import MICRO, Micro

KING = 0.65
"""The king's true mean score."""
ROUNDS = 24
"""Rounds that a challenger has, as `max_rounds` of our duel."""
LEADS = (0.0, 0.1, 0.2, 0.3)
"""A challenger's true lead, in standard deviations of the difference on a group."""
COPIES = 20
"""Hotkeys of somebody who lets near-copies of the king try, one after the other."""
Looks = Literal["each round", "the end"]
"""The time at which a rule is asked: after each round, until it crowns, or once, after the last."""


class Rule(Protocol):
    """A rule of today: crowns or not by scores of 0 … 1 on the same groups; deterministic."""

    @property
    def name(self) -> str: ...

    def crowns(self, king: Sequence[float], challenger: Sequence[float]) -> bool: ...


@dataclass(frozen=True, slots=True)
class Handicap:
    """The challenger's mean must be higher by a share of the king's."""

    share: float
    name: str

    def crowns(self, king: Sequence[float], challenger: Sequence[float]) -> bool:
        """Means over all groups so far."""
        return float(np.mean(challenger)) > float(np.mean(king)) * (1.0 + self.share)


@dataclass(frozen=True, slots=True)
class Margin:
    """The challenger's mean must be higher by a number of points."""

    points: float
    name: str

    def crowns(self, king: Sequence[float], challenger: Sequence[float]) -> bool:
        """Means over all groups so far."""
        return float(np.mean(challenger)) > float(np.mean(king)) + self.points


class RivalRow(StrictModel):
    """One rule, noise and lead (in sd): how often it crowned, and the groups of each model that it took to settle the challenger."""

    rule: str
    looks: Looks
    sd: float
    lead: float
    crowned: Rate
    groups: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RivalLine:
    """A rule at one noise: `crowned` and `groups` by lead, in the order of LEADS."""

    rule: str
    looks: Looks
    sd: float
    crowned: tuple[Rate, ...]
    groups: tuple[float, ...]

    @property
    def copies(self) -> float:
        """The chance that one of COPIES equals is crowned."""
        return 1.0 - (1.0 - self.crowned[0].share) ** COPIES


class Rivals(StrictModel):
    """What `make study-rivals` found."""

    date: str
    seed: int
    seconds: float
    rules_hash: str
    rows: tuple[RivalRow, ...]

    @property
    def lines(self) -> list[RivalLine]:
        """The rows of each rule and noise together."""
        kept: dict[tuple[float, str, Looks], list[RivalRow]] = {}
        for row in self.rows:
            kept.setdefault((row.sd, row.rule, row.looks), []).append(row)
        return [
            RivalLine(
                rule=rule,
                looks=looks,
                sd=sd,
                crowned=tuple(row.crowned for row in rows),
                groups=tuple(row.groups for row in rows),
            )
            for (sd, rule, looks), rows in kept.items()
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class RivalStudy:
    """The draws, and who is asked about them."""

    competition: Competition
    rules: tuple[Rule, ...]
    sds: tuple[float, ...]
    """Noises: each that of the two models' difference on a group."""
    runs: int
    seed: int

    def rows(self, advance: Advance) -> Iterator[RivalRow]:
        """Every rule on every run of every noise and lead; `advance` is told of each run."""
        for sd, lead in product(self.sds, LEADS):
            yield from self._case(sd, lead, advance)

    def _case(self, sd: float, lead: float, advance: Advance) -> Iterator[RivalRow]:
        names: list[tuple[str, Looks]] = [("our duel", "each round")]
        names += [(rule.name, looks) for rule in self.rules for looks in ("each round", "the end")]
        found: dict[tuple[str, Looks], list[tuple[bool, int]]] = {name: [] for name in names}
        generator = np.random.default_rng([self.seed, round(sd * MICRO), round(lead * 10)])
        qualities = np.array([KING, KING + lead * sd])
        for _ in range(self.runs):
            drawn = World(sd).draw(generator, np.broadcast_to(qualities, (ROUNDS, 2)), groups_of(self.competition))
            found["our duel", "each round"].append(fought(drawn, self.competition))
            for rule in self.rules:
                found[rule.name, "each round"].append(asked(rule, drawn, range(1, ROUNDS + 1)))
                found[rule.name, "the end"].append(asked(rule, drawn, (ROUNDS,)))
            advance(1)
        for (rule_name, looks), results in found.items():
            yield RivalRow(
                rule=rule_name,
                looks=looks,
                sd=sd,
                lead=lead,
                crowned=rate(sum(crowned for crowned, _ in results), self.runs),
                groups=float(np.mean([groups for _, groups in results])),
            )


def asked(rule: Rule, drawn: Micros, looks: Sequence[int]) -> tuple[bool, int]:
    """Whether a rule crowns at one of these looks (numbers of rounds), and the groups until then; `drawn` is [rounds, 2, groups]."""
    groups = drawn.shape[2]
    for rounds in looks:
        king, challenger = (drawn[:rounds, model].reshape(-1) / MICRO for model in (0, 1))
        if rule.crowns(king.tolist(), challenger.tolist()):
            return True, rounds * groups
    return False, looks[-1] * groups


def fought(drawn: Micros, competition: Competition) -> tuple[bool, int]:
    """The same by our duel, the only challenger of a king whose margin has fallen to its end; groups are those of `Alone.hopeful`."""
    rules, groups = competition.track[0].duel, drawn.shape[2]
    margin = duels.margin(rules, rules.margin_decay_blocks, Micro(round(KING * MICRO)))
    alone, spent = Alone(rules=rules, margin=margin, nth=np.ones(1, np.int64)), 0
    for row in drawn[:, 1] - drawn[:, 0]:
        spent += groups if alone.hopeful[0] else 0
        if alone.play(row[None])[0]:
            return True, spent
    return False, spent


def read(path: Path) -> Rivals:
    """The study's file; raises PlatformError(ARGUMENT_INVALID) if it is missing or not of this form."""
    return read_measured(path, Rivals)
