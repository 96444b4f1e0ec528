"""Fields of made-up miners: who is judged, who is paid, what it costs; and the numbers around them."""

import statistics

import numpy as np
import pytest

from scoring.competition import load
from scoring.ranking import duel as duels
from scoring.ranking.state import State
from scoring.studies.simulation import actors, power, study
from scoring.studies.simulation.actors import Actor, Splitter
from scoring.studies.simulation.estimates import Rate, fixed_groups, rate
from scoring.studies.simulation.fields import Played, choose, play
from scoring.studies.simulation.power import PowerTrial
from scoring.studies.simulation.splitting import SplitCase, split
from scoring.studies.simulation.summary import spending, summarise
from scoring.studies.simulation.world import World
from scoring.types import Entrant, RoundNumber

COMPETITION = load().version[-1]


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
    assert played.evaluations <= 40 * COMPETITION.round.evaluations


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


def test_one_model_under_many_hotkeys_earns_what_one_does() -> None:
    """Copies of the same tensors: the very same share, in every run."""
    found = split(SplitCase(1, 5, exact=True), 2, 60, world=World(), competition=COMPETITION, seed=1, advance=lambda _: None)
    assert found.ratio == pytest.approx(1.0, abs=1e-9)
    assert found.earned == pytest.approx(found.single)


def test_near_copies_earn_nothing_beside_their_original() -> None:
    """Weights changed a little, which lineage does not know: as good as the first and no better, five of them earn what one does."""
    found = split(SplitCase(0, 5, exact=False), 2, 25, world=World(), competition=COMPETITION, seed=1, advance=lambda _: None)
    assert found.ratio == pytest.approx(1.0, abs=0.05)


def test_a_small_study_is_long_enough_for_the_second_best_to_earn() -> None:
    """Else there is no ratio, and `voice simulate study --small` ends without a result."""
    size, world = study.SMALL, World(study.MEASURED_SD)
    found = split(
        SplitCase(1, 1, exact=True),
        size.split_runs,
        size.split_rounds,
        world=world,
        competition=COMPETITION,
        seed=1,
        advance=lambda _: None,
    )
    assert found.single > 0.0


def test_who_is_judged_first() -> None:
    """King, paid places, newcomers in the order of their commits, then whoever was asked longest ago; never more than there is room."""
    names = [Entrant(name) for name in ("king", "paid", "new", "old", "older")]
    standing = dict.fromkeys(names[::-1], RoundNumber(0))
    asked = {names[0]: RoundNumber(9), names[1]: RoundNumber(9), names[3]: RoundNumber(8), names[4]: RoundNumber(2)}
    state = State(king=names[0])
    assert choose(state, names[1:2], standing, asked, 9) == ["king", "paid", "new", "older", "old"]
    assert choose(state, names[1:2], standing, asked, 2) == ["king", "paid"]


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
    world, margin = World(0.1, 0.02), duels.margin(COMPETITION.duel, 0, power.KING)
    drawn = world.differences(np.random.default_rng(9), world.lead(0.3, margin, COMPETITION.duel.clip), (200_000,))
    clipped = np.clip(drawn, -COMPETITION.duel.clip * 1e6, COMPETITION.duel.clip * 1e6)
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
    """Shares of all kinds and what is burned make 1; spending is of every settled duel."""
    who, played = run("copies")
    found = summarise("copies", who, 40, [played, played], COMPETITION.duel)
    assert sum(row.share for row in found.earnings) + found.burned == pytest.approx(1.0)
    assert [row.hotkeys for row in found.earnings] == [1, 10, 20, 20]
    spent = spending([played, played])
    assert spent is not None
    assert spent.settled == 2 * len(played.settled)
    assert spent.groups == pytest.approx(statistics.fmean(groups for _, groups in played.settled))
    assert all(groups >= duel.groups for duel, groups in played.settled)
