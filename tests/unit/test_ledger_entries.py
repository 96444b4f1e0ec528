"""The ledger, again, from receipts and inputs alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from bittensor import sp_core
from structlog.testing import capture_logs

from neurons.validator.ledger import fold_round, log_entry, log_other_rules
from neurons.validator.refused_receipts import by_kind
from scoring.competition import load
from scoring.errors import Code
from scoring.ranking.duel import IN_WORDS, DuelOutcome, EndedDuel
from scoring.receipts.certificate import Trust
from scoring.types import Block, BlockHash, Entrant, Hotkey, RoundNumber
from tests.builders.ledger import a_ledger_entry, replay_chain, some_inputs
from tests.builders.ranking import a_state, small, with_small
from voice_api.db.database import JsonObject
from voice_api.db.ledger import LedgerEntry
from voice_api.db.rounds import Eligibility, EvaluationResult, Round, RoundEvidence
from voice_api.db.states import RoundState
from voice_api.errors import LedgerInvalid
from voice_api.keys import verify

MakeResult = Callable[..., EvaluationResult]
SCHEDULE = load()
RULES = SCHEDULE.at(RoundNumber(2))
ME = Hotkey(sp_core.Keypair.create_from_seed(bytes([1]) * 32).ss58_address)
TRUST = Trust(frozenset({ME}), frozenset(), verify)
CLOSED = Round(
    round=RoundNumber(2),
    start_block=Block(720),
    block_hash=BlockHash("0x" + "12" * 32),
    deadline_block=Block(1800),
    competition_hash=RULES.hash,
    state=RoundState.CLOSED,
    pending=0,
)
ELIGIBILITY = Eligibility(Block(725), (Entrant("h1@1"), Entrant("h2@2"), Entrant("h3@3")), {Entrant("h4@4"): "deregistered"})


def an_entry(*results: EvaluationResult) -> LedgerEntry:
    """Round 2 as the validator folds it."""
    return fold_round(None, RoundEvidence(CLOSED, ELIGIBILITY, results), RULES, TRUST)


def receipts(*results: EvaluationResult) -> dict[str, JsonObject]:
    """What was judged, by hash."""
    return {str(result.receipt_hash): result.receipt for result in results if result.receipt is not None}


@pytest.fixture
def results(a_result: MakeResult) -> tuple[EvaluationResult, ...]:
    """A better one, a worse one, a refused one, one that is gone, one whose receipt does not hold."""
    good = (a_result(1, 0.6), a_result(2, 0.4), a_result(3, code=Code.FILE_NOT_ALLOWED), a_result(4, 0.9))
    return (*good, a_result(5, 0.8, signature="00" * 64))


def test_a_ledger_is_computed_again_to_the_letter(results: tuple[EvaluationResult, ...]) -> None:
    """Without database, certificates or trust: what counted and who left stands in the inputs."""
    entry = an_entry(*results)
    assert ([trial.entrant for trial in small(entry.state).trial], set(entry.inputs.distrusted), entry.inputs.gone) == (
        ["h1@1", "h2@2"],
        {"h5@5"},
        {"h4@4": "deregistered", "h5@5": "left before this ledger knew it"},
    )
    assert list(replay_chain([entry], receipts(*results), SCHEDULE)) == [entry]


def test_no_order_of_evaluations_changes_an_entry(results: tuple[EvaluationResult, ...]) -> None:
    """Two databases number them differently."""
    assert an_entry(*reversed(results)) == an_entry(*results)


def test_the_refused_are_told_why(results: tuple[EvaluationResult, ...]) -> None:
    """In the words of the receipt."""
    (rejection,) = small(an_entry(*results).state).rejections
    assert (rejection.entrant, rejection.reason) == ("h3@3", "because")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(lambda e: replace(e, state_hash="0" * 64), "the ledger says 0000", id="another hash"),
        pytest.param(
            lambda e: replace(e, state=with_small(e.state, king=Entrant("h2@2"))), "round 2 folds to", id="another king"
        ),
        pytest.param(lambda e: replace(e, previous="1" * 64), "round 2 folds to", id="another past"),
        pytest.param(lambda e: replace(e, inputs=replace(e.inputs, gone={})), "round 2 folds to", id="somebody is not gone"),
        pytest.param(
            lambda e: replace(e, inputs=replace(e.inputs, counted={"a" * 64: "00"})), "receipt a+ is missing", id="no receipt"
        ),
        pytest.param(lambda e: replace(e, inputs=replace(e.inputs, competition_hash="b")), "other rules", id="other rules"),
        pytest.param(lambda e: replace(e, round=RoundNumber(3)), "another round", id="another round's receipts"),
    ],
)
def test_a_ledger_that_does_not_follow_is_refused(
    results: tuple[EvaluationResult, ...], change: Callable[[LedgerEntry], LedgerEntry], reason: str
) -> None:
    """At the first entry that is another, which is named."""
    with pytest.raises(LedgerInvalid, match=reason):
        list(replay_chain([change(an_entry(*results))], receipts(*results), SCHEDULE))


def test_a_changed_receipt_is_found(results: tuple[EvaluationResult, ...]) -> None:
    """It does not hash to what counted."""
    changed = {name: {**document, "score": 1} for name, document in receipts(*results).items()}
    with pytest.raises(LedgerInvalid, match="does not hash"):
        list(replay_chain([an_entry(*results)], changed, SCHEDULE))


def test_the_ledger_keeps_how_fast_a_model_speaks(a_result: MakeResult) -> None:
    """From the receipt's own seconds; one that does not say them is of unknown speed."""
    quick = a_result(1, edit=lambda document: document.update(timings={"speak": 100.0}))
    slow = a_result(2, edit=lambda document: document.update(timings={"speak": 200.0}))
    speeds = {record.entrant: record.speed for record in small(an_entry(quick, slow, a_result(3)).state).records}
    assert speeds[Entrant("h2@2")] == pytest.approx(2 * speeds[Entrant("h1@1")], abs=1)
    assert (speeds[Entrant("h1@1")] > 0, speeds[Entrant("h3@3")]) == (True, 0)


def test_a_round_that_comes_twice_is_refused(results: tuple[EvaluationResult, ...]) -> None:
    """A file that says so is no ledger; whoever takes it over gets the reason, not a traceback."""
    entry = an_entry(*results)
    with pytest.raises(LedgerInvalid, match="round 2 cannot be folded after round 2"):
        list(replay_chain([entry, entry], receipts(*results), SCHEDULE))


def told(outcome: DuelOutcome) -> list[Any]:
    """The log of a round in which b's duel against a ended so, c was not counted and d left."""
    duel = EndedDuel(
        entrant=Entrant("b@2"), king=Entrant("a@1"), outcome=outcome, wealth=12.5, threshold=40.0, groups=96, rounds=3
    )
    state = a_state(round=RoundNumber(7), king=Entrant("a@1"), throne="king since block 720: it was better", ended=(duel,))
    inputs = some_inputs(distrusted={"c@3": "the receipt is not signed"}, gone={"d@4": "banned"})
    with capture_logs() as logs:
        log_entry(a_ledger_entry(7, state=state, state_hash="f" * 64, inputs=inputs))
    return [{name: value for name, value in entry.items() if name != "log_level"} for entry in logs]


@pytest.mark.parametrize("outcome", [pytest.param(each, id=each.value) for each in DuelOutcome])
def test_a_fold_is_told_in_words(outcome: DuelOutcome) -> None:
    """That nobody counted and why, who left, how a duel ended, and who holds the top since when."""
    none, gone, duel, folded = told(outcome)
    assert (none["event"], none["why"]) == ("no receipt of the round counts", "1 for: the receipt is not signed (c@3)")
    assert (none["round"], none["refused"], none["counted"]) == (7, 1, 0)
    assert gone == {"event": "submission gone", "entrant": "d@4", "reason": "banned"}
    assert duel == {
        "event": "challenger crowned" if outcome is DuelOutcome.CROWNED else "challenge ended",
        "track": "small",
        "challenger": "b@2",
        "king": "a@1",
        "outcome": outcome.value,
        "why": IN_WORDS[outcome].why,
        "wealth": 12.5,
        "threshold": 40.0,
        "rounds": 3,
        "groups": 96,
    }
    thrones = {"small": "king since block 720: it was better"}
    assert folded == {"event": "round folded", "round": 7, "kings": {"small": "a@1"}, "thrones": thrones, "ledger": "f" * 64}


def test_refused_receipts_are_one_line() -> None:
    """However many they are: each reason with its number and the first names, the most frequent first."""
    revoked = "the certificate 0123 of gpu-07 was revoked"
    refused = {Entrant(f"h{n}@{n}"): revoked for n in range(5)} | {Entrant("x@9"): "the receipt is not signed"}
    inputs = some_inputs(distrusted=refused, counted={"a" * 64: "0"})
    with capture_logs() as logs:
        log_entry(a_ledger_entry(7, state=a_state(round=RoundNumber(7)), state_hash="f" * 64, inputs=inputs))
    [line] = [entry for entry in logs if entry["log_level"] == "error"]
    why = f"5 for: {revoked} (h0@0, h1@1, h2@2 and 2 more); 1 for: the receipt is not signed (x@9)"
    assert (line["event"], line["refused"], line["counted"], line["why"]) == ("receipts do not count", 6, 1, why)
    assert by_kind(refused) == {"certificate": 5, "rules": 0, "evidence": 1}


@pytest.mark.parametrize(
    ("row", "unheard"),
    [
        pytest.param({"track": "small"}, ("small",), id="of a track"),
        pytest.param({"track": "of others' rules"}, (), id="of a track that the rules do not have"),
        pytest.param({"track": None}, (), id="of none"),
    ],
)
def test_a_track_is_unheard_while_no_score_of_it_counts(
    row: dict[str, Any], unheard: tuple[str, ...], a_result: MakeResult
) -> None:
    """A rejection that counts says nothing of whom the refused receipts scored."""
    refused, rejection = a_result(1, 0.8, signature="00" * 64, **row), a_result(3, code=Code.FILE_NOT_ALLOWED)
    assert an_entry(refused, rejection).inputs.unheard == unheard
    assert an_entry(refused, rejection, a_result(2, 0.4)).inputs.unheard == ()


def test_a_ledger_that_goes_on_after_rounds_under_other_rules_says_so() -> None:
    """Whoever upgraded late and did not reset it has parted from the others for ever."""
    rules = SCHEDULE.at(RoundNumber(7)).hash
    with capture_logs() as logs:
        log_other_rules(None, SCHEDULE)
        log_other_rules(a_ledger_entry(7, inputs=some_inputs(competition_hash=rules)), SCHEDULE)
        assert logs == []
        log_other_rules(a_ledger_entry(7, inputs=some_inputs(competition_hash="c0" * 32)), SCHEDULE)
    assert [(line["log_level"], line["round"]) for line in logs] == [("error", 7)]
