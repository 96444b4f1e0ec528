"""A ledger after 5,000 rounds (ten months) of 256 submissions: its sums are past what a float can hold."""

from dataclasses import replace
from time import monotonic

import numpy as np

from scoring.competition import load
from scoring.ranking.fold import Judged, LedgerVerdict, RoundResult, fold
from scoring.ranking.state import Record, State, chain_hash
from scoring.types import Block, Hotkey, Micro, RoundNumber, entrant
from tests.builders.ledger import a_ledger_entry
from tests.builders.ranking import SMALL, at_once, small, with_small
from voice_api.db.database import Pool
from voice_api.db.ledger import Ledger

ROUNDS, SUBMISSIONS, GROUPS = 5_000, 256, 32
RULES = at_once(load().at(RoundNumber(ROUNDS)))
EXACT_IN_A_FLOAT = 2**53


def a_round(number: int) -> RoundResult:
    """Every submission scored in every group, all of them about as good: duels open and stay."""
    scores = np.random.default_rng(number).integers(600_000, 900_000, (SUBMISSIONS, GROUPS)).tolist()
    judged = [
        Judged(
            entrant=entrant(Hotkey(f"hotkey{place:03d}"), Block(place)),
            hotkey=Hotkey(f"hotkey{place:03d}"),
            commit_block=Block(place),
            tiebreak=f"{place:064x}",
            tensors=None,
            track=SMALL,
            verdict=LedgerVerdict.SCORED,
            groups={f"g{group:02d}": Micro(score) for group, score in enumerate(row)},
            speed=100,
        )
        for place, row in enumerate(scores)
    ]
    return RoundResult(RoundNumber(number), Block(number * RULES.round.blocks), judged)


def after(rounds: int, record: Record) -> Record:
    """The record if the rounds that it is of had come again and again: sums are linear in them."""
    times = rounds // 2
    return replace(record, groups=record.groups * times, total=record.total * times, squares=record.squares * times)


async def test_a_ledger_of_5000_rounds_is_kept_and_hashed_to_the_last_bit(pool: Pool) -> None:
    """It is folded on from PostgreSQL's jsonb as from memory, so every validator and every replay comes to the same hashes."""
    begun = fold(fold(State(), a_round(1), RULES), a_round(2), RULES)
    records = tuple(after(ROUNDS, record) for record in small(begun).records)
    state = with_small(replace(begun, round=RoundNumber(ROUNDS)), records=records)
    assert len(records) == SUBMISSIONS
    assert len(small(state).challengers) > SUBMISSIONS // 2
    assert min(record.squares for record in records) > EXACT_IN_A_FLOAT
    ledger, previous, began = Ledger(pool, Hotkey("alice")), "", monotonic()
    for number in range(ROUNDS, ROUNDS + 6):
        entry = a_ledger_entry(number, state=state, previous=previous)
        await ledger.append(entry)
        head = await ledger.head()
        assert head == entry
        assert chain_hash(previous, head.state) == entry.state_hash
        result = a_round(number + 1)
        state, previous = fold(state, result, RULES), entry.state_hash
        assert chain_hash(previous, fold(head.state, result, RULES)) == chain_hash(previous, state)
    assert monotonic() - began < 20
