"""What the validator does not count, and the reason that it gives: each field of certificate, signature, receipt and row."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bittensor import sp_core

from neurons.validator.ledger import ReceiptCheck
from scoring.competition import load
from scoring.errors import Code
from scoring.receipts.certificate import Certificate, Trust
from scoring.receipts.receipt import ReceiptInvalid
from scoring.types import Block, BlockHash, Hotkey, Micro, RoundNumber
from voice_api.db.rounds import EvaluationResult, Round
from voice_api.db.states import EvaluationState, RoundState
from voice_api.keys import verify

MakeResult = Callable[..., EvaluationResult]
Document = dict[str, Any]

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ME, WORKER, STRANGER = (Hotkey(sp_core.Keypair.create_from_seed(bytes([n]) * 32).ss58_address) for n in (1, 2, 3))
RULES = load().at(RoundNumber(2))
HASH = BlockHash("0x" + "12" * 32)
CLOSED = Round(
    round=RoundNumber(2),
    start_block=Block(720),
    block_hash=HASH,
    deadline_block=Block(1800),
    competition_hash=RULES.hash,
    state=RoundState.CLOSED,
    pending=0,
)
NEAR = {
    **{"entrant": "h1@1", "original": "h0@0", "distance": 100, "base": None, "by_files": False},
    **{"compared": 90_000, "sound": None, "prompts": 0},
}
TRUST = Trust(frozenset({ME}), frozenset(), verify)
CHECK = ReceiptCheck(CLOSED, RULES, TRUST)


def a_flag(document: Document, kind: str = "repeated", prompt: str = "", other: str = "") -> list[object]:
    """A flag on the first sample of a receipt, beside its second, unless others are named."""
    first, second, *_ = (sample["prompt"] for sample in document["samples"])
    return [prompt or first, kind, 0.9, other or second]


def refused(result: EvaluationResult, check: ReceiptCheck = CHECK) -> str:
    """Why it is not counted."""
    with pytest.raises(ReceiptInvalid) as caught:
        check.accepted_scores(result)
    return str(caught.value)


def changed(value: object) -> object:
    """Another value of the same kind."""
    match value:
        case bool() | None:
            return "x"
        case int() | float():
            return value + 1
        case str():
            return value[:-1] + ("0" if value[-1:] != "0" else "1")
        case list():
            return value[:-1] if value else ["x"]
        case dict():
            return {**value, "more": 1}
        case _:
            raise TypeError(value)


def test_an_honest_evaluation_is_counted(a_result: MakeResult) -> None:
    """With the score of each of the round's groups; a refusal has none."""
    groups = CHECK.accepted_scores(a_result(1))
    assert list(groups) == [group.id for group in RULES.track[0].groups(HASH)]
    assert CHECK.accepted_scores(a_result(1, code=Code.FILE_NOT_ALLOWED)) == {}
    assert CHECK.accepted_scores(a_result(1, edit=lambda document: document.update(near=[NEAR]))) == groups
    assert CHECK.accepted_scores(a_result(1, edit=lambda document: document.update(flags=[a_flag(document)]))) == groups


def test_any_field_of_the_receipt_that_was_changed_breaks_the_signature(a_result: MakeResult) -> None:
    """One digit, one letter, one entry: whoever stores it cannot make it say something else."""
    good = a_result(1)
    document: Document = json.loads(json.dumps(good.receipt))
    for name, value in document.items():
        reason = refused(replace(good, receipt={**document, name: changed(value)}))
        expected = "when it was judged" if name == "judged_at" else "the receipt's signature does not hold"
        assert expected in reason, name


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        pytest.param(lambda d: d["samples"][0].update(score=d["samples"][0]["score"] + 1), "samples do not add up", id="a digit"),
        pytest.param(lambda d: d["samples"].reverse(), "stored samples", id="samples in another order"),
        pytest.param(lambda d: d["samples"][0].update(pcm_sha256="cd" * 32), "stored samples", id="another sound"),
        pytest.param(lambda d: d["samples"].append(d["samples"][0]), "a sample twice", id="a sample twice"),
        pytest.param(lambda d: d["samples"].pop(), "samples do not add up", id="a sample left out"),
        pytest.param(lambda d: d["groups"].append(d["groups"][0]), "a group twice", id="a group twice"),
        pytest.param(lambda d: d["groups"].pop(), "samples do not add up", id="a group left out"),
        pytest.param(
            lambda d: d["groups"][0].__setitem__(2, 0.5), "no groups with their scores", id="a score that is no integer"
        ),
        pytest.param(lambda d: d["groups"][0].__setitem__(2, True), "no groups with their scores", id="true for a score"),
        pytest.param(lambda d: d.update(score=float(d["score"])), "groups' mean", id="a float for the score"),
        pytest.param(lambda d: d.update(score=d["score"] + 1), "groups' mean", id="another score"),
        pytest.param(lambda d: d.update(stderr=d["stderr"] + 1), "standard error", id="another standard error"),
        pytest.param(lambda d: d.update(profile_hash="00" * 32), "profile's hash", id="other anchors"),
        pytest.param(lambda d: d.update(version=1), "another version", id="another version"),
        pytest.param(lambda d: d.update(hotkey="h9"), "another hotkey", id="another's"),
        pytest.param(lambda d: d.update(commit_block=9), "another commit_block", id="of another commitment"),
        pytest.param(lambda d: d.update(repo="a/c"), "another repo", id="of another repository"),
        pytest.param(lambda d: d.update(revision="1" * 40), "another revision", id="of another revision"),
        pytest.param(lambda d: d.update(round=1), "another round", id="of another round"),
        pytest.param(lambda d: d.update(round=2.0), "another round", id="a float for the round"),
        pytest.param(lambda d: d.update(block_hash="0x" + "13" * 32), "another block_hash", id="of another block"),
        pytest.param(lambda d: d.update(competition_hash="00" * 32), "another competition_hash", id="under other rules"),
        pytest.param(lambda d: d.update(prompts_hash="00" * 32), "prompts' hash", id="of other prompts"),
        pytest.param(lambda d: d.update(track="large"), "track: the receipt says large, it is small", id="in another track"),
        pytest.param(lambda d: d.update(family="espeak"), "none of the competition's", id="of a family that does not compete"),
        pytest.param(lambda d: d.update(code=1103), "another code", id="a code in the receipt alone"),
        pytest.param(lambda d: d.update(judged_at="2026-11-22T12:00:00"), "when it was judged", id="no zone"),
        pytest.param(lambda d: d.update(judged_at="2026-11-20T12:00:00+00:00"), "begins at", id="judged before the certificate"),
        pytest.param(lambda d: d.update(judged_at="2026-11-30T12:00:00+00:00"), "expired at", id="judged after it"),
        pytest.param(lambda d: d.pop("samples"), "no samples", id="no samples"),
        pytest.param(lambda d: d.update(more=1), "more", id="a field more"),
        pytest.param(lambda d: d.update(flags=[a_flag(d, prompt="g99.a")]), "it does not have", id="a flag on no sample"),
        pytest.param(lambda d: d.update(flags=[a_flag(d, other="g99.a")]), "it does not have", id="a flag beside no sample"),
        pytest.param(lambda d: d.update(flags=[a_flag(d)] * 2), "twice for the same", id="a flag twice"),
        pytest.param(lambda d: d.update(flags=[a_flag(d, kind="loud")]), "flags", id="a flag of no known kind"),
        pytest.param(lambda d: d.update(near=[NEAR | {"entrant": "h8@8"}]), "is about h1@", id="a near-copy of others"),
        pytest.param(lambda d: d.update(near=[NEAR | {"distance": 900_000}]), "within the rules", id="a near-copy that is none"),
        pytest.param(lambda d: d.update(near=[NEAR | {"distance": 1.0}]), "near", id="a float for a distance"),
        pytest.param(lambda d: d.update(near=[NEAR | {"original": "h9"}]), "near", id="a near-copy of nobody"),
    ],
)
def test_what_a_worker_signs_must_still_be_true(a_result: MakeResult, edit: Callable[[Document], object], reason: str) -> None:
    """A good signature under a wrong receipt counts for nothing."""
    assert reason in refused(a_result(1, edit=edit))


def test_the_score_of_another_model_is_not_counted(a_result: MakeResult) -> None:
    """The worker judged other files than the miner committed, or says so; nor does it refuse a model for other files."""
    for code in (None, Code.LOAD_FAILED):
        assert "tag does not bind" in refused(a_result(1, code=code, edit=lambda d: d.update(content_hash="22" * 32)))


def test_a_flipped_metric_does_not_give_its_score(a_result: MakeResult) -> None:
    """Numbers follow from one another: also where receipt, samples and signature agree."""

    def worse(document: Document) -> None:
        document["samples"][0]["metrics"]["wer"] += 0.1

    result = a_result(1, edit=worse)
    shown = replace(result, samples=tuple((result.receipt or {})["samples"]))
    assert "g00.a: utility intelligibility" in refused(shown)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param({"receipt_hash": "00" * 32}, "does not hash", id="another hash"),
        pytest.param({"receipt_hash": None}, "does not hash", id="no hash"),
        pytest.param({"score": Micro(1)}, "groups' mean", id="another score"),
        pytest.param({"groups": ()}, "stored groups", id="no groups"),
        pytest.param({"samples": ()}, "stored samples", id="no samples"),
        pytest.param({"hotkey": Hotkey("h2")}, "another hotkey", id="another's receipt"),
        pytest.param({"commit_block": Block(2)}, "another commit_block", id="of another commitment"),
        pytest.param({"public_key": "11" * 32}, "tag does not bind", id="a model that another key committed"),
        pytest.param({"tag": "00" * 16}, "tag does not bind", id="another model than was committed"),
        pytest.param({"tag": None}, "tag does not bind", id="no tag"),
        pytest.param({"code": Code.COPY}, "another code", id="another code"),
        pytest.param({"track": "large"}, "the receipt says the track small, the round large", id="another track"),
        pytest.param({"track": None}, "the receipt says the track small, the round none", id="no track"),
        pytest.param({"state": EvaluationState.REJECTED}, "does not say that the evaluation is rejected", id="another state"),
        pytest.param({"signature": None}, "not signed", id="no signature"),
        pytest.param({"certificate": None}, "not signed", id="no certificate"),
        pytest.param({"signature": "00" * 64}, "receipt's signature", id="another signature"),
        pytest.param({"signature": "no hex"}, "receipt's signature", id="a signature that is no hex"),
        pytest.param({"certificate": {}}, "form", id="a certificate of another form"),
        pytest.param({"certificate": []}, "form", id="a list for a certificate"),
        pytest.param({"receipt": []}, "no JSON object", id="a list for a receipt"),
        pytest.param({"finished_at": None}, "without a verdict", id="no time"),
        pytest.param({"finished_at": NOON + timedelta(days=2)}, "expired at", id="written after the certificate expired"),
        pytest.param({"finished_at": NOON - timedelta(days=2)}, "begins at", id="written before the certificate began"),
    ],
)
def test_what_the_database_shows_is_what_was_signed(a_result: MakeResult, row: dict[str, Any], reason: str) -> None:
    """Nobody who writes to the database alone can change a score."""
    assert reason in refused(replace(a_result(1), **row))


def test_swapped_samples_are_found(a_result: MakeResult) -> None:
    """The sounds of two prompts, exchanged in the database: each is a real sample, in the wrong place."""
    result = a_result(1)
    first, second, *others = result.samples
    swapped = ({**first, "pcm_sha256": "cd" * 32}, second, *others)
    assert refused(replace(result, samples=swapped)) == "the stored samples are not the receipt's"
    assert refused(replace(result, samples=(second, first, *others))) == "the stored samples are not the receipt's"


def test_another_miners_evaluation_cannot_be_put_in_place_of_ones_own(a_result: MakeResult) -> None:
    """Receipt, signature, certificate, groups, samples and score of the best, under one's own name."""
    best = a_result(2, 0.9)
    mine = replace(best, hotkey=Hotkey("h1"), commit_block=Block(1))
    assert "another hotkey" in refused(mine)


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        pytest.param({"issuer": STRANGER}, f"of {STRANGER}, not of {ME}", id="another issuer"),
        pytest.param({"service": STRANGER}, "receipt's signature", id="another service key"),
        pytest.param({"not_after": NOON - timedelta(seconds=1)}, "expired at", id="expired"),
        pytest.param({"not_before": NOON + timedelta(seconds=1)}, "begins at", id="not yet begun"),
    ],
)
def test_a_signature_counts_under_its_own_certificate(a_result: MakeResult, terms: dict[str, Any], reason: str) -> None:
    """Of this validator, for this key, at that time."""
    assert reason in refused(a_result(1, certificate=terms))


@pytest.mark.parametrize("by_key", [False, True], ids=["by serial", "by key"])
def test_what_was_taken_back_counts_for_nothing(a_result: MakeResult, by_key: bool) -> None:
    """Also what was signed before that."""
    result = a_result(1)
    taken = WORKER if by_key else Certificate.from_json(result.certificate).serial
    reason = refused(result, replace(CHECK, trust=replace(TRUST, revoked=frozenset({taken}))))
    assert (taken in reason, reason.endswith("of host-1 was revoked")) == (True, True)
