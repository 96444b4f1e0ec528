"""The ledger's state as JSON, and its hash."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scoring.ranking.credit import Credit
from scoring.ranking.duel import Challenger, Duel, DuelOutcome, EndedDuel
from scoring.ranking.state import Record, Rejection, Setback, State, ThroneTrial, TrackState, chain_hash
from scoring.types import Block, Entrant, Hotkey, Micro, RoundNumber, TensorsHash
from tests.builders.ledger import a_ledger_entry, some_inputs
from tests.builders.ranking import a_record, a_state, named
from voice_api.db.rounds import Eligibility
from voice_api.errors import LedgerInvalid
from voice_api.schemas.ledger import LedgerEntryOut
from voice_api.schemas.rounds import EligibilityOut

entrants = st.builds(Entrant, st.text("abc@1", min_size=1, max_size=4))
hotkeys = st.builds(Hotkey, st.text("abcé", min_size=1, max_size=3))
blocks = st.integers(0, 2**40).map(Block)
counts = st.integers(0, 2**60)
numbers = st.floats(1e-300, 1e300)
tensors = st.none() | st.just(TensorsHash("ab" * 32))
records = st.builds(
    Record,
    entrant=entrants,
    hotkey=hotkeys,
    commit_block=blocks,
    tiebreak=st.text("0f"),
    tensors=tensors,
    groups=st.integers(1, 10**6),
    total=counts,
    squares=counts,
    speed=counts,
)
duels = st.builds(
    Duel,
    challenger=entrants,
    king=entrants,
    opened=st.integers(0, 99).map(RoundNumber),
    margin=st.integers(0, 10**6).map(Micro),
    threshold=numbers,
    capital=st.lists(numbers, min_size=1, max_size=3).map(tuple),
    steps=counts,
    groups=counts,
    rounds=counts,
    total=st.integers(-(2**60), 2**60),
    squares=counts,
    lead=st.integers(-(2**60), 2**60),
    lead_squares=counts,
    absent=counts,
)
challengers = st.builds(
    Challenger, entrant=entrants, promise=st.integers(-(2**60), 2**60), groups=counts, rounds=counts, lost=counts
)
ends = st.builds(
    EndedDuel,
    entrant=entrants,
    king=entrants,
    outcome=st.sampled_from(DuelOutcome),
    wealth=numbers,
    threshold=numbers,
    groups=counts,
    rounds=counts,
)
trials = st.builds(ThroneTrial, entrants, st.integers(0, 9), st.lists(st.integers(-1, 10**6), max_size=4).map(tuple))
leads = st.builds(
    Credit,
    entrant=entrants,
    over=st.none() | entrants,
    level=st.integers(0, 10**6).map(Micro),
    owed=st.integers(0, 10**6).map(Micro),
    groups=counts,
    total=st.integers(-(2**60), 2**60),
    squares=counts,
    open=st.booleans(),
    since=st.none() | blocks,
    left=st.integers(0, 10**6).map(Micro),
    worth=st.integers(0, 10**6).map(Micro),
)
rejections = st.builds(Rejection, entrants, hotkeys, st.text(max_size=9), st.none() | entrants)
setbacks = st.builds(Setback, hotkeys, st.integers(0, 99).map(RoundNumber))
track_states = st.builds(
    TrackState,
    track=st.text("ab", min_size=1, max_size=2),
    king=st.none() | entrants,
    king_since=blocks,
    king_absent=counts,
    throne=st.text(max_size=9),
    challengers_met=counts,
    records=st.lists(records, max_size=3).map(tuple),
    duel=st.none() | duels,
    challengers=st.lists(challengers, max_size=3).map(tuple),
    ended=st.lists(ends, max_size=3).map(tuple),
    rejections=st.lists(rejections, max_size=3).map(tuple),
    scale=st.text(max_size=3),
    level=st.none() | st.integers(0, 10**6).map(Micro),
    owed=st.integers(0, 10**6).map(Micro),
    trial_rounds=st.integers(0, 9),
    trial=st.lists(trials, max_size=3).map(tuple),
    leads=st.lists(leads, max_size=3).map(tuple),
    setbacks=st.lists(setbacks, max_size=3).map(tuple),
)
states = st.builds(
    State,
    round=st.none() | st.integers(0, 99).map(RoundNumber),
    tracks=st.lists(track_states, max_size=2).map(tuple),
    unplaced=st.lists(rejections, max_size=2).map(tuple),
)


@given(states)
def test_a_state_survives_json_to_the_last_bit(state: State) -> None:
    """What is stored, published and imported is what was folded."""
    there = json.loads(json.dumps(state.to_json(), allow_nan=False))
    assert State.from_json(there) == state
    assert (there, chain_hash("", State.from_json(there))) == (state.to_json(), chain_hash("", state))


def test_the_hash_depends_on_the_state_and_on_the_past() -> None:
    """Another past, or another king, is another hash."""
    state = a_state(king=Entrant("a@1"))
    hashes = {chain_hash(previous, one) for previous in ("", "00") for one in (state, State())}
    assert len(hashes) == 4


def test_the_hash_is_as_it_ever_was() -> None:
    """Ledgers of other validators and of other releases are compared with ours: to change what is hashed is to fork."""
    record = Record(
        entrant=Entrant("a@1"),
        hotkey=Hotkey("a"),
        commit_block=Block(1),
        tiebreak="00",
        tensors=None,
        groups=2,
        total=900_000,
        squares=450_000_000_000,
        speed=80,
    )
    duel = Duel(
        challenger=Entrant("b@2"),
        king=Entrant("a@1"),
        opened=RoundNumber(3),
        margin=Micro(20_000),
        threshold=620.0,
        capital=(0.75, 0.25),
        steps=0,
        groups=0,
        rounds=0,
        total=0,
        squares=0,
    )
    state = a_state(
        round=RoundNumber(3),
        king=Entrant("a@1"),
        king_since=Block(360),
        king_absent=0,
        throne="king since block 360: …",
        challengers_met=1,
        records=(record,),
        duel=duel,
        challengers=(Challenger(entrant=Entrant("b@2"), promise=100_000, groups=2, rounds=1),),
    )
    assert chain_hash("ab", state) == "8ea5a03181863fb503b1f0750581e9e8d9384bc14b2d12d49c3d4cc0b2e91621"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"records": [{}]}, id="a record of nothing"),
        pytest.param({"colour": 1}, id="a name that nobody knows"),
        pytest.param({"ended": [{"outcome": "draw"}]}, id="an outcome that nobody knows"),
    ],
)
def test_what_is_no_state_is_refused(change: dict[str, object]) -> None:
    """It raises instead of reading half of it."""
    with pytest.raises(ValueError, match=r"state|Outcome"):
        TrackState.from_json(TrackState(track="small").to_json() | change)
    with pytest.raises(ValueError, match=r"state|Outcome"):
        State.from_json(State().to_json() | {"tracks": [TrackState(track="small").to_json() | change]})


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"king": None}, id="a state of before there were tracks"),
        pytest.param({"tracks": None}, id="no tracks"),
        pytest.param({"unplaced": [{}]}, id="a rejection of nobody"),
    ],
)
def test_what_is_no_ledgers_state_is_refused(change: dict[str, object]) -> None:
    """Likewise."""
    with pytest.raises(ValueError, match="this is no ledger's state"):
        State.from_json(State().to_json() | change)


def test_a_state_knows_where_a_submission_stands() -> None:
    """In the track that says something of it; the rejections of all tracks, and of none, are its rejections."""
    copy, refused = (Rejection(named(n), Hotkey(f"h{n}"), "no") for n in (3, 4))
    tracks = (TrackState(track="large", king=named(2), rejections=(copy,)), TrackState(track="small", records=(a_record(1),)))
    state = State(tracks=tracks, unplaced=(refused,))
    assert [(found and found.track) for found in map(state.where, map(named, (1, 2, 3, 4)))] == ["small", "large", "large", None]
    assert (state.rejections, state.kings) == ((copy, refused), {"large": named(2)})
    assert state.known == {named(n) for n in (1, 2, 3, 4)}
    assert state.of("other") == TrackState(track="other")


def test_known_are_all_that_the_state_says_something_of() -> None:
    """Records and rejections, of which duels are, and a king, also one without a record."""
    state = a_state(king=Entrant("c@3"), records=(a_record(1),), rejections=(Rejection(Entrant("b@2"), Hotkey("b"), "a copy"),))
    assert state.known == {"h1@1", "b@2", "c@3"}


@pytest.mark.parametrize(
    ("groups", "mean", "stderr"),
    [
        pytest.param([500_000], 0.5, 0.0, id="one group: no error is known"),
        pytest.param([400_000, 600_000], 0.5, 0.1, id="two: sd .1414 / √2"),
        pytest.param([333_333] * 7, 0.333333, 0.0, id="all alike"),
    ],
)
def test_mean_and_error_by_hand(groups: list[int], mean: float, stderr: float) -> None:
    """From the sums alone."""
    total, squares = sum(groups), sum(group * group for group in groups)
    record = Record(
        entrant=Entrant("a@1"),
        hotkey=Hotkey("a"),
        commit_block=Block(1),
        tiebreak="00",
        tensors=None,
        groups=len(groups),
        total=total,
        squares=squares,
    )
    assert record.mean == pytest.approx(mean)
    assert record.stderr == pytest.approx(stderr)
    assert record.micro == round(mean * 1_000_000)


def test_a_float_that_a_database_wrote_as_an_integer_is_read_as_a_float() -> None:
    """PostgreSQL's jsonb says 1e16 as 10000000000000000: the hash of the next round would be another."""
    duel = Duel(
        challenger=Entrant("b@2"),
        king=Entrant("a@1"),
        opened=RoundNumber(3),
        margin=Micro(20_000),
        threshold=620.0,
        capital=(1e16, 0.25),
    )
    end = EndedDuel(
        entrant=Entrant("c@3"),
        king=Entrant("a@1"),
        outcome=DuelOutcome.CROWNED,
        wealth=1e17,
        threshold=620.0,
        groups=32,
        rounds=1,
    )
    state = a_state(round=RoundNumber(3), duel=duel, ended=(end,))
    data = json.loads(json.dumps(state.to_json()).replace("1e+16", str(10**16)).replace("1e+17", str(10**17)))
    assert chain_hash("", State.from_json(data)) == chain_hash("", state)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"kings": {"small": "b@2"}}, "other kings", id="other kings than its state's"),
        pytest.param({"inputs": {}}, "no inputs", id="no inputs"),
        pytest.param({"inputs": some_inputs().to_json() | {"gone": []}}, "have not the form", id="inputs of another form"),
        pytest.param({"inputs": some_inputs().to_json() | {"gone": {"a@1": "le\0ft"}}}, "holds a NUL", id="a reason with a NUL"),
        pytest.param({"inputs": some_inputs().to_json() | {"gone": {"a\0@1": "left"}}}, "holds a NUL", id="a name with a NUL"),
        pytest.param({"inputs": some_inputs().to_json() | {"gone": {"a@1": 5}}}, "is no text", id="a number as a reason"),
        pytest.param({"state": {}}, "no ledger's state", id="no state"),
        pytest.param(
            {"state": {**State().to_json(), "tracks": [{**TrackState(track="small").to_json(), "lost": [{"wealth": 10**400}]}]}},
            "no state of a track",
            id="a number beyond all",
        ),
    ],
)
def test_a_published_entry_that_is_none_is_refused(change: dict[str, object], reason: str) -> None:
    """By its round, before anything is folded on it."""
    published = LedgerEntryOut.whole(Hotkey("v"), a_ledger_entry(7, king="a@1"))
    assert published.entry() == a_ledger_entry(7, king="a@1")
    with pytest.raises(LedgerInvalid, match=f"round 7: .*{reason}"):
        published.model_copy(update=change).entry()


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param({"a@1": "le\0ft"}, id="in a reason"),
        pytest.param({"a\0@1": "left"}, id="in a name"),
    ],
)
def test_published_eligibility_with_a_nul_is_refused(gone: dict[str, str]) -> None:
    """PostgreSQL could store it in a ledger's inputs, and never look into them again."""
    found = Eligibility(Block(1), (), {Entrant("a@1"): "left"})
    assert EligibilityOut.of(found).eligibility() == found
    with pytest.raises(ValidationError, match="string_pattern_mismatch"):
        EligibilityOut.model_validate({"block": 1, "standing": [], "gone": gone})
