"""Who stands when a round closes, and why others do not."""

from dataclasses import replace
from typing import Any

import pytest

from neurons.chain.types import Metagraph, Neuron
from neurons.validator.decide import eligible_at_close
from neurons.validator.ledger import LEFT, gone
from scoring.competition import load
from scoring.errors import Code
from scoring.ranking.state import SUPERSEDED, Record, Rejection, State
from scoring.types import Block, BlockHash, Entrant, Hotkey, RoundNumber, SubmissionId
from tests.builders import chain
from tests.builders.ranking import a_credit, a_state
from voice_api.db.rounds import Eligibility
from voice_api.db.states import SubmissionState
from voice_api.db.submissions import Candidate, SubmissionStatus

RULES = load().at(RoundNumber(0))
ROUND = RoundNumber(5)
H1 = Hotkey("h1")
NAME = Entrant("h1@100")
RECORD = Record(
    entrant=NAME, hotkey=H1, commit_block=Block(100), tiebreak="00", tensors=None, groups=1, total=500_000, squares=500_000**2
)


def a_neuron(hotkey: str, registered_at: int = 0) -> Neuron:
    """A neuron that came at a block."""
    came = Block(registered_at)
    return chain.a_neuron(hotkey=Hotkey(hotkey), last_update=came, registered_at_block=came)


def a_metagraph(*neurons: Neuron) -> Metagraph:
    """At block 2000, in round 5."""
    return chain.a_metagraph(
        block=Block(2000), block_hash=BlockHash("0x"), owner_hotkey=Hotkey("o"), owner_coldkey="c", neurons=neurons
    )


def a_candidate(**overrides: Any) -> Candidate:
    """h1's commitment of block 100."""
    standard = Candidate(
        id=SubmissionId(1),
        hotkey=H1,
        commit_block=Block(100),
        tiebreak="00",
        last_round=ROUND,
    )
    return replace(standard, **overrides)


def a_status(state: SubmissionState, **overrides: Any) -> SubmissionStatus:
    """Where h1's commitment of block 100 stands."""
    return replace(
        SubmissionStatus(hotkey=H1, commit_block=Block(100), state=state, code=None, superseded=False, last_round=ROUND),
        **overrides,
    )


def at_close(
    status: SubmissionStatus, *candidates: Candidate, state: State | None = None, neuron: Neuron | None = None
) -> Eligibility:
    """The eligibility at the close of round 5."""
    neurons = (neuron or a_neuron("h1"),)
    return eligible_at_close(
        ROUND, a_metagraph(*neurons), candidates, statuses=[status], state=state or a_state(records=(RECORD,)), rules=RULES
    )


def test_a_registered_candidate_stands() -> None:
    """By the metagraph that the closing validator read."""
    assert at_close(a_status(SubmissionState.SCORED), a_candidate()) == Eligibility(Block(2000), (NAME,), {})


@pytest.mark.parametrize(
    ("neuron", "why"),
    [
        pytest.param(a_neuron("other"), "deregistered", id="not registered"),
        pytest.param(a_neuron("h1", 100), "", id="registered in the block of its commitment"),
        pytest.param(a_neuron("h1", 101), "deregistered, and registered again since", id="its uid was lost meanwhile"),
    ],
)
def test_a_registration_must_be_the_one_of_the_commitment(neuron: Neuron, why: str) -> None:
    """What comes back starts anew."""
    found = at_close(a_status(SubmissionState.SCORED), a_candidate(), neuron=neuron)
    assert (found.gone.get(NAME, ""), NAME in found.eligible) == (why, not why)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        pytest.param(a_status(SubmissionState.QUARANTINED), "set aside by an operator", id="quarantined"),
        pytest.param(a_status(SubmissionState.REJECTED, code=Code.BANNED), "banned", id="banned"),
        pytest.param(a_status(SubmissionState.SUPERSEDED, superseded=True), "its hotkey committed again", id="superseded"),
        pytest.param(a_status(SubmissionState.COPY, superseded=True), "its hotkey committed again", id="a copy, superseded"),
        pytest.param(a_status(SubmissionState.REJECTED), "", id="refused in this round: its receipt says so"),
        pytest.param(
            a_status(SubmissionState.REJECTED, last_round=RoundNumber(4)), "refused", id="refused without a receipt that counts"
        ),
    ],
)
def test_why_a_registered_submission_left(status: SubmissionStatus, why: str) -> None:
    """Each in words that its owner understands."""
    found = at_close(status)
    assert (found.gone.get(NAME, ""), NAME in found.eligible) == (why, not why)


def test_a_refusal_stands_to_be_explained_until_the_hotkey_commits_again() -> None:
    """What the ledger holds as refused says for what the hotkey is not paid."""
    state = a_state(rejections=(Rejection(NAME, H1, "a pickle"),))
    assert at_close(a_status(SubmissionState.REJECTED, last_round=RoundNumber(1)), state=state).eligible == (NAME,)


@pytest.mark.parametrize(
    ("succeeded_at", "stands"),
    [
        pytest.param(360 * 2, True, id="three rounds after the newer commitment's"),
        pytest.param(360 * 2 - 1, False, id="four rounds after it"),
    ],
)
def test_a_superseded_submission_stands_for_a_while(succeeded_at: int, stands: bool) -> None:
    """Until its successor's first verdict (then it is no candidate), and no longer than the competition says."""
    candidate = a_candidate(succeeded_at=Block(succeeded_at))
    found = at_close(a_status(SubmissionState.SUPERSEDED, superseded=True), candidate)
    assert (NAME in found.eligible, NAME in found.gone) == (stands, not stands)


@pytest.mark.parametrize(
    ("state", "rounds", "stands"),
    [
        pytest.param(a_state(king=NAME), 24, True, id="the king for 24 rounds"),
        pytest.param(a_state(king=NAME), 25, False, id="and no longer"),
        pytest.param(a_state(leads=(a_credit(1, entrant=NAME, open=True),)), 24, True, id="a lead that is measured"),
        pytest.param(a_state(leads=(a_credit(1, over=7, entrant=Entrant("x@1")),)), 24, False, id="not one that was"),
        pytest.param(State(), 24, False, id="anybody else for three"),
    ],
)
def test_a_superseded_king_stands_for_longer(state: State, rounds: int, stands: bool) -> None:
    """Until its newer model beat it, or the rounds for that are over; so does who is needed to measure a lead."""
    closing = RoundNumber(100)
    candidate = a_candidate(succeeded_at=Block(360 * (closing - rounds)))
    status = a_status(SubmissionState.SUPERSEDED, superseded=True)
    found = eligible_at_close(closing, a_metagraph(a_neuron("h1")), [candidate], statuses=[status], state=state, rules=RULES)
    assert (NAME in found.eligible, found.gone.get(NAME)) == (stands, None if stands else SUPERSEDED)


def test_what_a_ledger_knows_and_the_roll_does_not_left() -> None:
    """Every ledger folds every submission it knows, also one that whoever closed the round had never heard of."""
    said = Eligibility(Block(9), (NAME,), {Entrant("b@2"): "banned"})
    known = [NAME, Entrant("b@2"), Entrant("c@3")]
    assert gone(said, known) == {"b@2": "banned", "c@3": LEFT}
    assert gone(None, known) == {}
