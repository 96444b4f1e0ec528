"""Fields of made-up miners: who is judged, who is paid, what it costs; and the numbers around them."""

import statistics
from dataclasses import dataclass

import numpy as np
import pytest

from scoring.competition import load
from scoring.ranking import duel as duels
from scoring.studies.simulation import actors, power
from scoring.studies.simulation.actors import Actor, MadeUpModel, Moment, Splitter
from scoring.studies.simulation.estimates import Rate, fixed_groups, rate
from scoring.studies.simulation.fields import Game, Played, play
from scoring.studies.simulation.payoff import SETTINGS, Arena, AttackSize
from scoring.studies.simulation.power import PowerTrial
from scoring.studies.simulation.strategy_file import known
from scoring.studies.simulation.summary import spending, summarise
from scoring.studies.simulation.world import NewScale, World, groups_of
from scoring.types import RoundNumber

COMPETITION = load().version[-1]
TRACK = COMPETITION.track[0]


def run(field: str, rounds: int = 40) -> tuple[tuple[Actor, ...], Played]:
    """One short run of a field."""
    who = actors.FIELDS[field]()
    return who, play(who, rounds, world=World(), competition=COMPETITION, seed=3, advance=lambda _: None)


@pytest.mark.parametrize("field", actors.FIELDS)
def test_all_emission_is_accounted_for(field: str) -> None:
    """What actors earned and what was burned is 1 a round; no round judges more than it may."""
    _, played = run(field)
    assert sum(played.earned) + played.burned == pytest.approx(40.0)
    assert min(played.earned) >= 0.0
    assert played.evaluations <= 40 * TRACK.evaluations


def test_the_same_seed_plays_the_same() -> None:
    """To the last bit, plan and all."""
    assert run("mixed")[1] == run("mixed")[1]


def test_copies_and_junk_earn_nothing() -> None:
    """Not once, however many hotkeys; whoever is burdened with them is none the worse for it."""
    who, played = run("mixed")
    assert [e for actor, e in zip(who, played.earned, strict=True) if actor.name in ("exact copier", "junk")] == [0.0, 0.0]


def test_a_better_model_takes_the_top() -> None:
    """By .1 above the king it is crowned in a few rounds, by a duel, and the king's pay is its own from then on."""
    late = Actor("late", actors.SlowStarter(0.30, 0.75, 25))
    played = play(
        (Actor("first", Splitter(0.65, exact=True)), late),
        60,
        world=World(),
        competition=COMPETITION,
        seed=3,
        advance=lambda _: None,
    )
    (crowning,) = played.crownings
    assert crowning.lead == pytest.approx(0.1)
    assert 26 < crowning.round < 36
    assert played.earned[1] > 0.65 * 24


@pytest.mark.parametrize(
    ("hits", "runs", "low", "high"),
    [
        pytest.param(0, 400, 0.0, 0.0095, id="never"),
        pytest.param(8, 10, 0.4902, 0.9433, id="mostly"),
        pytest.param(10, 10, 0.7225, 1.0, id="always"),
    ],
)
def test_wilsons_interval(hits: int, runs: int, low: float, high: float) -> None:
    """As published tables have it."""
    found = rate(hits, runs)
    assert found == Rate(hits=hits, runs=runs, share=hits / runs, low=found.low, high=found.high)
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-4)


@pytest.mark.parametrize(("hits", "runs"), [pytest.param(3, 2, id="too many"), pytest.param(0, 0, id="no run")])
def test_no_interval_without_runs(hits: int, runs: int) -> None:
    """A share of nothing is refused."""
    with pytest.raises(ValueError, match="is no share"):
        rate(hits, runs)


def test_a_test_of_fixed_length() -> None:
    """α .05, 80 % power, .2 sd: 155 groups, as every table has it."""
    assert fixed_groups(20.0, 0.2, 0.8) == pytest.approx(154.6, abs=0.1)


def test_a_lead_is_what_was_asked_for() -> None:
    """The clipped difference exceeds the margin by so many of its own sd, failures and all, on other draws than it was found with."""
    world, margin = World(0.1, 0.02), duels.margin(TRACK.duel, 0, power.KING)
    drawn = world.differences(np.random.default_rng(9), world.lead(0.3, margin, TRACK.duel.clip), (200_000,))
    clipped = np.clip(drawn, -TRACK.duel.clip * 1e6, TRACK.duel.clip * 1e6)
    assert (clipped.mean() - margin) / clipped.std() == pytest.approx(0.3, abs=0.015)


def test_a_model_scores_the_same_whoever_else_is_asked() -> None:
    """And on the same groups as all others, in any place of the list."""
    world = World()
    alone, beside = world.ask([1, 2], {7: 0.6}, 32), world.ask([1, 2], {3: 0.5, 7: 0.6}, 32)
    assert (alone[0] == beside[1]).all()
    assert np.corrcoef(beside[0], beside[1])[0, 1] > 0.7


def test_power_rises_with_the_lead() -> None:
    """Hardly ever at the margin, nearly always at half an sd, and sooner the better."""
    none, some, much = (
        power.power(PowerTrial(excess=excess, rounds=24, runs=100), World(), COMPETITION, 1) for excess in (0.0, 0.2, 0.5)
    )
    assert none.crowned.hits <= 5 < 80 < some.crowned.hits
    assert much.crowned.hits >= 98
    assert (much.median_rounds or 99) < (some.median_rounds or 99)
    assert much.lead > some.lead > none.lead


def test_a_summary_counts_each_once() -> None:
    """Shares of all kinds and what is burned make 1; spending is of every settled challenger."""
    who, played = run("copies")
    found = summarise("copies", who, 40, [played, played], TRACK.duel)
    assert sum(row.share for row in found.earnings) + found.burned == pytest.approx(1.0)
    assert [row.hotkeys for row in found.earnings] == [1, 10, 20, 20]
    spent = spending([played, played])
    assert spent is not None
    assert spent.settled == 2 * len(played.settled)
    assert spent.groups == pytest.approx(statistics.fmean(groups for _, groups in played.settled))
    assert all(groups >= groups_of(COMPETITION) for _, groups in played.settled)


def test_records_begin_anew_in_the_round_that_measures_otherwise() -> None:
    """The king stays, at the score that it has on the new scale alone."""
    who, changes = (Actor("first", Splitter(0.65, exact=True)),), NewScale(8, 0.2)
    played = play(who, 12, world=World(new_scale=changes), competition=COMPETITION, seed=3, advance=lambda _: None)
    (state,) = played.last.state.tracks
    (record,) = state.records
    assert (state.scale, state.king, record.groups) == ("new", record.entrant, 4 * 32)
    assert record.mean == pytest.approx(0.85, abs=0.03)
    assert played.crownings == ()


def test_whoever_waits_for_another_scale_earns_nothing_by_it() -> None:
    """Near-copies of the king, from just before and just after the change; the king commits again meanwhile."""
    arena = Arena(COMPETITION, AttackSize(runs=2, rounds=40), 1)
    (row,) = arena.attack([known()["profile_change"]], [SETTINGS["profile changes"]], [0.18], lambda _: None)
    assert (row.earned, row.pays) == (0.0, False)


@dataclass(frozen=True, slots=True)
class Once:
    """Commits one model, or near-copies of it, in a round."""

    round: int
    quality: float
    original: bool

    def commit(self, moment: Moment) -> MadeUpModel | None:
        """The model under its name, or a near-copy of it."""
        model = MadeUpModel(self.quality, "the challenger's")
        if moment.round != self.round:
            return None
        return model if self.original else moment.near_copy(model)


@pytest.mark.parametrize("seed", range(6))
def test_near_copies_of_a_challenger_do_not_take_the_top_before_it(seed: int) -> None:
    """Twelve of them, a round after it: with a duel for each the luckiest won, now the challenger has the only one."""
    field = [
        Actor("king", Splitter(0.65, exact=True)),
        Actor("challenger", Once(30, 0.68, original=True)),
        Actor("copier", Once(31, 0.68, original=False), 12),
    ]
    game = Game(actors=field, world=World(), competition=COMPETITION, seed=seed)
    for number in map(RoundNumber, range(60)):
        game.judge(number)
        game.pay(number)
        game.commit(number)
    assert game.state.king is not None
    assert game.known[game.state.king].hotkey in game.hotkeys[1]
