"""The fold: who is crowned, who falls, and what a round of ours never costs a miner."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scoring import ranking
from scoring.competition import load
from scoring.ranking import Judged, RoundResult, State, Verdict, fold
from scoring.types import Block, Hotkey, Micro, RoundNumber, SubmissionId, TensorsHash

COMPETITION = load().at(RoundNumber(0))


def judged(number: int, score: float = 0.5, *, groups: int = 32, **overrides: object) -> Judged:
    """Submission `number`, scored the same in every group, committed at block `number`."""
    scores = {f"g{index:02}": Micro(round(score * 1_000_000)) for index in range(groups)}
    item = Judged(SubmissionId(number), Hotkey(f"h{number}"), Block(number), f"{number:064x}", None, Verdict.SCORED, scores)
    return replace(item, **overrides)  # type: ignore[arg-type]


def a_round(number: int, *items: Judged, gone: frozenset[SubmissionId] = frozenset()) -> RoundResult:
    """Round `number`, which began at block 360 · number."""
    return RoundResult(RoundNumber(number), Block(360 * number), items, gone)


def folded(*results: RoundResult) -> State:
    """The state after some rounds from nothing."""
    state = State()
    for result in results:
        state = fold(state, result, COMPETITION)
    return state


def test_the_first_king_is_the_best_of_the_first_round() -> None:
    """Without a king the highest mean is crowned, and no duel is open yet."""
    state = folded(a_round(1, judged(1, 0.4), judged(2, 0.7), judged(3, 0.6)))
    assert (state.king, state.king_since, state.duels) == (2, 360, ())


def test_equal_scores_crown_the_earlier_commit() -> None:
    """A copy that scores the same never passes its original."""
    assert folded(a_round(1, judged(5, 0.7), judged(4, 0.7))).king == 4


def test_a_field_of_zeros_has_no_king() -> None:
    """Nobody is crowned for nothing."""
    assert folded(a_round(1, judged(1, 0.0))).king is None


def test_a_better_challenger_is_crowned_by_evidence_and_duels_start_anew() -> None:
    """A steady lead of 0.2 over one round's 32 groups is enough against threshold 40; equal copies are not."""
    state = folded(a_round(1, judged(1, 0.5)), a_round(2, judged(1, 0.5), judged(2, 0.7), judged(3, 0.5)))
    assert (state.king, state.king_since, state.duels, state.challengers_met) == (2, 720, (), 0)


def test_an_equal_challenger_opens_a_duel_and_stays_where_it_is() -> None:
    """The duel's margin and threshold are frozen at its opening."""
    state = folded(
        a_round(1, judged(1, 0.5)), a_round(2, judged(1, 0.5), judged(2, 0.5)), a_round(3, judged(1, 0.5), judged(2, 0.5))
    )
    (duel,) = state.duels
    assert state.king == 1
    assert (duel.opened, duel.threshold, duel.rounds, duel.groups) == (2, 40.0, 2, 64)
    assert duel.margin == pytest.approx(0.02 - 0.015 * 360 / 36_000)


def test_a_round_missing_for_our_reasons_is_absent_only_there() -> None:
    """An outage adds no zero to anyone's record and no step to any duel."""
    before = folded(a_round(1, judged(1, 0.5)), a_round(2, judged(1, 0.5), judged(2, 0.5)))
    absent = judged(2, verdict=Verdict.ABSENT, groups=0)
    after = fold(before, a_round(3, judged(1, 0.5), absent), COMPETITION)
    assert after.duels == before.duels
    assert after.record(SubmissionId(2)) == before.record(SubmissionId(2))
    after = fold(before, a_round(3, judged(1, verdict=Verdict.ABSENT, groups=0), judged(2, 0.9)), COMPETITION)
    assert after.duels == before.duels


def test_a_refused_or_gone_king_makes_room_for_the_next_best() -> None:
    """Whether its repository vanished, it re-committed or it left the subnet."""
    start = folded(a_round(1, judged(1, 0.9), judged(2, 0.7), judged(3, 0.8)))
    refused = fold(start, a_round(2, judged(1, verdict=Verdict.REFUSED, groups=0)), COMPETITION)
    gone = fold(start, a_round(2, gone=frozenset({SubmissionId(1)})), COMPETITION)
    assert (refused.king, gone.king) == (3, 3)


def test_rounds_fold_once_and_in_order() -> None:
    """A round that is not later than the state's is refused."""
    state = folded(a_round(2, judged(1)))
    for number in (1, 2):
        with pytest.raises(ValueError, match="cannot be folded"):
            fold(state, a_round(number, judged(1)), COMPETITION)


def test_the_state_survives_json_and_its_hash_depends_on_the_past() -> None:
    """What is stored is what was folded; another past is another hash."""
    state = folded(a_round(1, judged(1, 0.5)), a_round(2, judged(1, 0.5), judged(2, 0.51)))
    assert ranking.from_json(ranking.to_json(state)) == state
    assert ranking.chain_hash("", state) != ranking.chain_hash("00", state)


def test_of_equal_tensors_only_the_earliest_commit_stays() -> None:
    """A copy with another config that was judged first makes room when its original is judged."""
    twin: dict[str, Any] = {"tensors": TensorsHash("aa")}
    first = folded(a_round(1, judged(7, 0.7, **twin), judged(9, 0.5)))
    after = fold(first, a_round(2, judged(3, 0.7, **twin), judged(7, 0.7, **twin), judged(9, 0.5)), COMPETITION)
    assert first.king == 7
    assert (after.king, [record.submission for record in after.records]) == (3, [3, 9])


def test_a_lost_duel_is_not_fought_again() -> None:
    """After `max_rounds` without evidence the same submission spends no more of this king's error budget."""
    rounds = [a_round(1, judged(1, 0.5))] + [a_round(n, judged(1, 0.5), judged(2, 0.5)) for n in range(2, 30)]
    state = folded(*rounds)
    assert [(duel.rounds, state.challengers_met) for duel in state.duels] == [(24, 1)]


def test_the_order_of_outcomes_does_not_matter() -> None:
    """Folding is a function of the set of outcomes."""
    items = [judged(1, 0.5), judged(2, 0.55), judged(3, 0.45), judged(4, 0.5)]
    king = a_round(1, judged(1, 0.5))
    assert folded(king, a_round(2, *items)) == folded(king, a_round(2, *reversed(items)))


def test_demo_competition_is_valid() -> None:
    """The demo's own file loads."""
    assert load(Path("neurons/localnet/competition.toml")).name == "voice-demo"
