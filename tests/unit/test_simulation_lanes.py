"""The arrays that play thousands of duels at once say, bit for bit, what the functions that decide say of each."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.competition import BetUnit, DuelRules, load
from scoring.ranking import duel as duels
from scoring.ranking.duel import Duel, DuelOutcome
from scoring.ranking.fold import Judged, LedgerVerdict, RoundResult, fold
from scoring.ranking.selection import CONFIDENCE
from scoring.ranking.state import Record
from scoring.ranking.table import clearly_less
from scoring.studies.simulation import lanes
from scoring.studies.simulation.reign import QUALITY, Front, Siege, besiege
from scoring.studies.simulation.world import Micros, World, groups_of
from scoring.types import Block, Entrant, Hotkey, Micro, RoundNumber, entrant
from tests.builders.ranking import SMALL, a_state, small

COMPETITION = load().version[-1]
RULES = COMPETITION.track[0].duel


def opened(count: int, rules: DuelRules) -> tuple[list[Duel], lanes.Lanes]:
    """The same new duels, one by one and side by side."""
    margins = np.arange(count) * 1000 + 5000
    thresholds = np.array([duels.threshold(rules, nth + 1) for nth in range(count)])
    single = [
        Duel(
            challenger=Entrant(f"c{nth}"),
            king=Entrant("k"),
            opened=RoundNumber(0),
            margin=Micro(int(margins[nth])),
            threshold=float(thresholds[nth]),
        )
        for nth in range(count)
    ]
    return single, lanes.opened(margins, thresholds, rules)


@pytest.mark.parametrize("step", BetUnit)
@pytest.mark.parametrize(
    "bets", [pytest.param(((0.2,), (1.0,)), id="one"), pytest.param(((0.1, 0.2, 0.4), (0.5, 0.3, 0.2)), id="three")]
)
@given(seed=st.integers(0, 2**32), sd=st.sampled_from([0.0, 0.02, 0.05, 0.4]), failures=st.sampled_from([0.0, 0.2]))
def test_side_by_side_is_one_by_one(
    step: BetUnit, bets: tuple[tuple[float, ...], tuple[float, ...]], seed: int, sd: float, failures: float
) -> None:
    """Wealth, counts and verdicts after each of a few rounds."""
    rules = RULES.model_copy(update={"step": step, "bets": bets[0], "bet_shares": bets[1]})
    drawn = World(sd, failures).differences(np.random.default_rng(seed), 0.03, (6, 5, 16))
    single, many = opened(5, rules)
    for rows in drawn:
        single = [duels.step(duel, row, rules) for duel, row in zip(single, rows, strict=True)]
        many = lanes.step(many, rows, rules)
    assert [duel.capital for duel in single] == [tuple(row) for row in many.capital.tolist()]
    assert [(d.wealth, d.steps, d.groups, d.rounds, d.squares) for d in single] == list(
        zip(*(each.tolist() for each in (many.wealth, many.steps, many.groups, many.rounds, many.squares)), strict=True)
    )
    assert [duels.read(duel, rules) is DuelOutcome.CROWNED for duel in single] == lanes.crowned(many).tolist()
    assert [duels.read(duel, rules) is not DuelOutcome.OPEN for duel in single] == lanes.settled(many, rules).tolist()


@given(seed=st.integers(0, 2**32), mean=st.sampled_from([-0.02, -0.01, 0.0]))
def test_who_may_open_a_duel_is_the_same(seed: int, mean: float) -> None:
    """Clearly worse in an array is clearly worse alone."""
    scores = World().draw(np.random.default_rng(seed), np.array([[0.65, 0.65 + mean]] * 8), 32)
    alone = [clearly_less(pair[1] - pair[0], CONFIDENCE) for pair in scores]
    assert lanes.clearly_worse(scores[:, 1] - scores[:, 0]).tolist() == alone


def judged(name: Entrant, block: int, row: Micros) -> Judged:
    """A submission's scores in a round."""
    groups = {f"{place:02d}": Micro(score) for place, score in enumerate(row.tolist())}
    return Judged(
        entrant=name,
        hotkey=Hotkey(name.partition("@")[0]),
        commit_block=Block(block),
        tiebreak=f"{block:064x}",
        tensors=None,
        track=SMALL,
        verdict=LedgerVerdict.SCORED,
        groups=groups,
    )


def test_a_siege_is_what_the_fold_makes_of_the_same_scores() -> None:
    """Eleven challengers in four slots, hardly better than the margin: who waits, who has the duel, its wealth, and who comes next."""
    king, names = entrant(Hotkey("king"), Block(0)), [entrant(Hotkey(f"c{place}"), Block(place + 1)) for place in range(11)]
    record = Record(
        entrant=king,
        hotkey=Hotkey("king"),
        commit_block=Block(0),
        tiebreak="0" * 64,
        tensors=None,
        groups=32,
        total=32 * 650_000,
        squares=32 * 650_000**2,
    )
    ledger, front = (
        a_state(king=king, throne="king", records=(record,)),
        Front(siege=Siege(models=11, rounds=40, runs=1), slots=4, competition=COMPETITION),
    )
    slots, waiting, generator = list(range(4)), list(range(4, 11)), np.random.default_rng(7)
    for number in range(40):
        scores = World().draw(generator, np.array([QUALITY] + [QUALITY + 0.018] * 4), groups_of(COMPETITION))
        front.play(number, scores[1:] - scores[:1])
        asked = [judged(king, 0, scores[0])] + [
            judged(names[slot], slot + 1, scores[place + 1]) for place, slot in enumerate(slots) if slot >= 0
        ]
        ledger = fold(ledger, RoundResult(RoundNumber(number), Block(number * COMPETITION.round.blocks), asked), COMPETITION)
        state = small(ledger)
        fighter = None if state.duel is None else state.duel.challenger
        promise = {each.entrant: each.promise for each in state.challengers if each.entrant != fighter}
        lost = {each.entrant for each in state.challengers if each.entrant != fighter and (each.lost or each.promise < 0)}
        for place, slot in enumerate(slots):
            if slot >= 0 and names[slot] in lost:
                slots[place] = waiting.pop(0) if waiting else -1
        there = [names[slot] if slot >= 0 else None for slot in slots]
        assert front.idle.tolist() == [[name is None for name in there]]
        assert front.waiting.tolist() == [[name in promise for name in there]]
        assert front.promise.tolist() == [[promise.get(name, 0) if name else 0 for name in there]]
        assert front.fighting.tolist() == [[name is not None and name == fighter for name in there]]
        assert state.duel is None or front.duels.wealth.tolist() == [state.duel.wealth]
        assert front.met.tolist() == [state.challengers_met]
    assert (front.over, front.settled, small(ledger).challengers_met) == (True, 3, 3)


@pytest.mark.parametrize("again", [False, True])
def test_equals_hardly_ever_take_the_top(again: bool) -> None:
    """Not once in 30 runs, of which each has a chance of a few in a million; every duel that is over was futile."""
    found = besiege(Siege(models=30, rounds=60, runs=30, again=again), World(), COMPETITION, 1, lambda _: None)
    assert (found.fell.hits, found.fell.runs, set(found.by_round)) == (0, 30, {0.0})
    assert (found.duels > 200) is again  # who comes once hardly ever promises anything, who comes again and again now and then
    assert found.groups / found.duels < 32 * 8


def test_much_better_models_take_it_at_once() -> None:
    """The siege can be lost: a lead far beyond the margin crowns in every run."""
    siege = Siege(models=5, rounds=20, runs=10)
    front = Front(siege=siege, slots=5, competition=COMPETITION)
    for number in range(20):
        front.play(number, World().differences(np.random.default_rng(number), 0.1, (50, 32)))
    assert (front.fallen >= 0).all()
    assert besiege(replace(siege, at_margin=True), World(), COMPETITION, 1, lambda _: None).groups > 0
