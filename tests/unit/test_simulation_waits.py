"""Crowds in the queue: a better model is soon judged and soon king among them, and is asked for at least in every third round."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from scoring.competition import load
from scoring.studies.simulation import measured
from scoring.studies.simulation.actors import Actor, MadeUpModel, Moment, Splitter
from scoring.studies.simulation.estimates import Ratio, ratio
from scoring.studies.simulation.fields import Game
from scoring.studies.simulation.targets import targets
from scoring.studies.simulation.waits import CROWDS, WaitRow, waits
from scoring.studies.simulation.world import World
from scoring.types import RoundNumber

COMPETITION = load().version[-1]
COMES = 25
STUDY = Path(__file__).parents[2] / "docs" / "measured" / "incentives.json"


def test_two_runs_of_each_crowd() -> None:
    """Among all of them a better model is judged in the next round; crowds that open no duel do not cost it a single round."""
    rows = list(waits(COMPETITION, 2, [0.05], 3, lambda _: None))
    assert [row.crowd for row in rows] == [crowd.name for crowd in CROWDS]
    assert {row.verdict for row in rows} == {1.0}
    assert all(row.times.ratio <= 3.0 for row in rows)
    assert [row.times for row in rows[2:]] == [Ratio(1.0, 1.0, 1.0)] * 2


@dataclass(frozen=True)
class OneLateModel:
    """A better model than the king's, in one round."""

    def commit(self, moment: Moment) -> MadeUpModel | None:
        """By .04."""
        return moment.trained(0.69) if moment.round == COMES else None


def test_a_better_model_among_240_guards_is_asked_for_in_every_third_round_at_least() -> None:
    """From its commit until it is king, though all of them are immune and it is not."""
    guards = Actor("guards", CROWDS[0], CROWDS[0].hotkeys)
    game = Game(
        actors=[Actor("late", OneLateModel()), Actor("king", Splitter(0.65, exact=True)), guards],
        world=World(0.05),
        competition=COMPETITION,
        seed=1,
        immune=frozenset({guards.name}),
    )
    (late,), asked = game.hotkeys[0], [COMES]
    for number in range(COMES + 30):
        game.judge(RoundNumber(number))
        game.commit(RoundNumber(number))
        if late in game.latest and game.asked.get(game.latest[late].entrant) == number:
            asked.append(number)
        if game.state.king is not None and game.known[game.state.king].hotkey == late:
            break
    assert game.state.king == game.latest[late].entrant
    assert max(later - sooner for sooner, later in pairwise(asked)) <= 3


def a_row(crowd: str, sd: float, high: float) -> WaitRow:
    """A crowd that costs a model twice its rounds, with this upper end."""
    times = Ratio(2.0, 1.0, high)
    return WaitRow(crowd=crowd, sd=sd, runs=20, verdict=1.0, verdict_alone=1.0, top=10.0, top_alone=5.0, times=times)


def test_a_target_names_the_noise_at_which_a_crowd_costs_most() -> None:
    """One for each crowd; its interval has to end at three times the rounds."""
    study = measured.read(STUDY).model_copy(
        update={"waits": (a_row("A", 0.05, 2.5), a_row("A", 0.18, 2.9), a_row("B", 0.05, 3.1))}
    )
    found = [target for target in targets(study) if "rounds to the top" in target.name]
    assert [(target.measured, target.met) for target in found] == [
        ("2.00 (1.00 – 2.90; sd 0.18, 20 runs)", True),
        ("2.00 (1.00 – 3.10; sd 0.05, 20 runs)", False),
    ]


def test_a_ratio_by_hand() -> None:
    """(6 + 8) / (4 + 6) = 1.4; what the pairs leave of it is ±.4 with a standard error of .4, and the mean below is 5."""
    found, half = ratio([6.0, 8.0], [4.0, 6.0]), 1.96 * 0.4 / 5
    assert [found.ratio, found.low, found.high] == pytest.approx([1.4, 1.4 - half, 1.4 + half])
    with pytest.raises(ValueError, match="something to compare with"):
        ratio([1.0, 2.0], [0.0, 0.0])
