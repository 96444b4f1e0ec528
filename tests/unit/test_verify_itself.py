"""Level 1 of a verification: whatever is changed in a receipt, by a stranger or by the worker that signs it, is found and named."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from bittensor.sp_core import Keypair

from prompts.groups import Group, GroupKind
from scoring.competition import AuditRules, HardwareClass, Profile, load
from scoring.errors import Code, PlatformError
from scoring.receipts import receipt
from scoring.receipts.audit import SAMPLE_TOLERANCE, mean_tolerance, near, part, same_class, tolerance, why_nearly
from scoring.receipts.certificate import Certificate, Trust, issue
from scoring.receipts.receipt import Circumstances, Finding, Placement, ReceiptInvalid, Signed, Subject
from scoring.report import EvaluationReport, Factor, Gate
from scoring.scores import aggregate
from scoring.scores.aggregate import METRICS, JudgedSample, ProfileIdentity, ScoreRules, mean, report
from scoring.store.folder import FolderFiles
from scoring.synthesis.families import FAMILIES
from scoring.types import Block, BlockHash, ContentHash, Hotkey, Micro, RoundNumber, TensorsHash
from tests.builders.rules import asking
from voice_api.keys import CertifiedKey, ServiceKey, verify
from workers.evaluation.audio_store import EvidenceStore, read_receipt
from workers.verify.receipt import VerifyOutcome, check_itself, open_case
from workers.verify.receipt import verify as run_levels

Document = dict[str, Any]
Edit = Callable[[Document], object]

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BLOCK_HASH = BlockHash("0x" + "5a" * 32)
RULES = asking(load().version[0], single=2)
TRACK = RULES.track[0]
GROUPS = TRACK.groups(BLOCK_HASH)
PLACE = Placement.of(FAMILIES["espeak"], TRACK, BLOCK_HASH)
SUBJECT = Subject(
    hotkey=Hotkey("5F"),
    commit_block=Block(10),
    repo="a/b",
    revision="0" * 40,
    round=RoundNumber(3),
    block_hash=BLOCK_HASH,
    competition_hash=RULES.hash,
)
SCALE = aggregate.load_anchors(Profile.EMBEDDED)
ISSUER = Keypair.create_from_seed(bytes(32))
OTHER = Keypair.create_from_seed(bytes([1]) * 32)
KEY = ServiceKey(Keypair.create_from_seed(bytes([2]) * 32))
TRUST = Trust(frozenset({Hotkey(ISSUER.ss58_address)}), frozenset(), verify)


def judged(group: Group, number: int) -> JudgedSample:
    """Every metric that the anchors know, somewhere between bad and human; what contrasts are read from rises with the number."""
    share = 0.4 + 0.07 * number
    found = dict.fromkeys(METRICS.values(), 10.0 * number)
    for factor, scale in SCALE.factors.items():
        if factor is not Factor.CONSISTENCY or group.kind is GroupKind.VOICE:
            found |= {name: anchor.bad + share * (anchor.human - anchor.bad) for name, anchor in scale.metrics.items()}
    return JudgedSample(
        gate=None, metrics={"wer": 0.3, **found}, pcm_sha256=hashlib.sha256(bytes([number])).hexdigest(), seconds=0.5, rate=22_050
    )


def a_report() -> EvaluationReport:
    """The report of judges that read these numbers off six samples."""
    asked = [(group, prompt) for group in GROUPS for prompt in group.prompts]
    outcomes = {prompt.id: judged(group, number) for number, (group, prompt) in enumerate(asked)}
    return report(
        ProfileIdentity.of(Profile.EMBEDDED, {"scripted": "1"}, SCALE), GROUPS, outcomes, ScoreRules(SCALE, TRACK.factors)
    )


def a_certificate(signer: Keypair = ISSUER, **overrides: Any) -> Certificate:
    """The issuer's for the service key, an hour to both sides of now."""
    standard = Certificate(
        issuer=Hotkey(ISSUER.ss58_address),
        service=KEY.address,
        host="bench",
        not_before=NOW - HOUR,
        not_after=NOW + HOUR,
        signature="",
    )
    return issue(replace(standard, **overrides), lambda message: bytes(signer.sign(message)).hex())


def a_document(**overrides: Any) -> Document:
    """A receipt of the report, not signed."""
    finding = Finding(
        content_hash=ContentHash("11" * 32), tensors_hash=TensorsHash("22" * 32), code=None, reason=None, report=a_report()
    )
    document: Document = json.loads(
        json.dumps(receipt.build(SUBJECT, PLACE, finding, Circumstances("here", NOW, {"speak": 1.0})))
    )
    return document | overrides


def a_rejection(**overrides: Any) -> Document:
    """A receipt that rejects a model."""
    finding = Finding(content_hash=None, tensors_hash=None, code=Code.FILE_NOT_ALLOWED, reason="x.bin", report=None)
    return receipt.build(SUBJECT, PLACE, finding, Circumstances("here", NOW, {})) | overrides


def sign(document: Document, certificate: Certificate | None = None) -> Signed:
    """Signed by the certified service key, whatever it says."""
    return receipt.sign(document, CertifiedKey(KEY, certificate or a_certificate()))


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    """A store that knows the rules."""
    kept = EvidenceStore(FolderFiles(tmp_path / "store"))
    kept.keep_evidence(sign(a_document()), RULES)
    return kept


def checked(signed: Signed, store: EvidenceStore, trust: Trust = TRUST, name: str = "receipt") -> VerifyOutcome:
    """What level 1 finds."""
    return check_itself(open_case(signed, store), trust, name, NOW)


def places(outcome: VerifyOutcome) -> list[str]:
    return [row.what for row in outcome.differences]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(a_document(), id="score"),
        pytest.param(a_rejection(), id="rejection"),
        pytest.param(a_rejection(family=None, track=None, prompts_hash=None), id="rejection before the family was known"),
    ],
)
def test_an_honest_receipt_holds(document: Document, store: EvidenceStore, tmp_path: Path) -> None:
    """Also read back from the store's own file, under the name that its hash gives it."""
    path = tmp_path / "store" / store.keep_evidence(sign(document), RULES)
    outcome = checked(read_receipt(path), store, name=path.stem)
    assert (outcome.differences, outcome.holds) == ((), True)


def sample(document: Document, number: int = 0) -> Document:
    found: Document = document["samples"][number]
    return found


STRANGERS = [
    pytest.param(lambda d: d["receipt"].update(score=d["receipt"]["score"] + 1), "signature", id="a digit of the score"),
    pytest.param(
        lambda d: sample(d["receipt"])["metrics"].update(wer=0.3000000000000001), "signature", id="last digit of a metric"
    ),
    pytest.param(lambda d: sample(d["receipt"]).update(pcm_sha256="0" * 64), "signature", id="an audio's hash"),
    pytest.param(lambda d: d["receipt"].update(hotkey="5G"), "signature", id="another hotkey"),
    pytest.param(lambda d: d["receipt"].update(judged_at="2026-11-22T12:00:01+00:00"), "signature", id="a second later"),
    pytest.param(
        lambda d: d.update(signature=f"{int(d['signature'][:1], 16) ^ 1:x}" + d["signature"][1:]), "signature", id="signature"
    ),
    pytest.param(
        lambda d: d["certificate"].update(not_after="2027-11-22T13:00:00+00:00"), "certificate", id="a longer certificate"
    ),
    pytest.param(lambda d: d["certificate"].update(service=OTHER.ss58_address), "certificate", id="another service key"),
]


@pytest.mark.parametrize(("edit", "what"), STRANGERS)
def test_a_stranger_can_change_nothing(edit: Edit, what: str, store: EvidenceStore) -> None:
    """One digit anywhere, and the signature or the certificate does not hold."""
    data = json.loads(json.dumps(sign(a_document()).to_json()))
    edit(data)
    assert what in places(checked(Signed.from_json(data), store))


def swap(document: Document, one: int, other: int, *names: str) -> None:
    """Exchange two samples in the list, or only some fields of them."""
    samples = document["samples"]
    if not names:
        samples[one], samples[other] = samples[other], samples[one]
    for name in names:
        samples[one][name], samples[other][name] = samples[other][name], samples[one][name]


def changed(name: str, by: int) -> Edit:
    return lambda d: d.update({name: d[name] + by})


FIRST = GROUPS[0].prompts[0].id
LIARS = [
    pytest.param(changed("score", 1), "score", id="score"),
    pytest.param(changed("stderr", -1), "standard error", id="standard error"),
    pytest.param(lambda d: d["groups"][0].__setitem__(2, 1_000_000), "g00: score", id="a group's score"),
    pytest.param(lambda d: sample(d).update(score=1_000_000), f"{FIRST}: score", id="a sample's score"),
    pytest.param(
        lambda d: sample(d)["metrics"].update(wer=SCALE.wrong_words - 0.01), f"{FIRST}: utility intelligibility", id="a metric"
    ),
    pytest.param(lambda d: sample(d)["utilities"].update(naturalness=1.0), f"{FIRST}: utility naturalness", id="a utility"),
    pytest.param(lambda d: sample(d)["metrics"].update(wer=5.0), f"{FIRST}: gate", id="a gate that should be closed"),
    pytest.param(lambda d: sample(d).update(gate="wrong_words"), f"{FIRST}: gate", id="a gate that should be open"),
    pytest.param(lambda d: sample(d).update(gate="too_long"), f"{FIRST}: gate", id="a gate over metrics"),
    pytest.param(lambda d: sample(d).update(pcm_sha256=""), f"{FIRST}: audio", id="a score without a sound"),
    pytest.param(lambda d: sample(d)["metrics"].pop("wer"), "metric wer", id="a metric left out"),
    pytest.param(lambda d: swap(d, 0, 3), "sample 0", id="two samples swapped"),
    pytest.param(lambda d: swap(d, 0, 3, "metrics"), f"{FIRST}: score", id="two samples' metrics swapped"),
    pytest.param(lambda d: d["samples"].pop(), f"sample {len(a_document()['samples']) - 1}", id="a sample left out"),
    pytest.param(lambda d: d["samples"].append(sample(d)), f"sample {len(a_document()['samples'])}", id="a sample twice"),
    pytest.param(lambda d: d["groups"].reverse(), "group 0", id="groups in another order"),
    pytest.param(lambda d: d.update(prompts_hash="0" * 64), "prompts' hash", id="other prompts"),
    pytest.param(lambda d: d.update(block_hash="0x" + "5b" * 32), "prompts' hash", id="another block's prompts"),
    pytest.param(lambda d: d.update(track="large"), "track", id="another track"),
    pytest.param(lambda d: d.update(family="vits"), "family", id="a family of another competition"),
    pytest.param(lambda d: d.update(profile="standard"), "profile's hash", id="another profile"),
    pytest.param(lambda d: d.update(profile_hash="0" * 64), "profile's hash", id="unknown anchors"),
    pytest.param(lambda d: d["judges"].update(scripted="2"), "profile's hash", id="another judge"),
]


@pytest.mark.parametrize(("edit", "what"), LIARS)
def test_nor_can_the_worker_that_signs(edit: Edit, what: str, store: EvidenceStore) -> None:
    """Numbers that do not follow from each other, or other prompts than the block asks, though the signature holds."""
    document = a_document()
    edit(document)
    found = places(checked(sign(document), store))
    assert what in found
    assert "signature" not in found


@pytest.mark.parametrize(
    ("certificate", "trust", "reason"),
    [
        pytest.param(a_certificate(not_after=NOW - timedelta(seconds=1)), TRUST, "expired at", id="expired when it was judged"),
        pytest.param(a_certificate(not_before=NOW + timedelta(seconds=1)), TRUST, "begins at", id="not begun"),
        pytest.param(a_certificate(), replace(TRUST, revoked=frozenset({a_certificate().serial})), "was revoked", id="revoked"),
        pytest.param(a_certificate(), replace(TRUST, revoked=frozenset({KEY.address})), "was revoked", id="its key revoked"),
        pytest.param(
            a_certificate(), replace(TRUST, issuers=frozenset({Hotkey(OTHER.ss58_address)})), "not of", id="of another issuer"
        ),
        pytest.param(a_certificate(signer=OTHER), TRUST, "signature does not hold", id="signed by another"),
    ],
)
def test_a_certificate_that_did_not_hold(certificate: Certificate, trust: Trust, reason: str, store: EvidenceStore) -> None:
    """The reason is named; nothing else is found against the receipt."""
    (row,) = checked(sign(a_document(), certificate), store, trust).differences
    assert row.what == "certificate"
    assert reason in row.found


def test_a_certificate_may_expire_after_it_was_used(store: EvidenceStore) -> None:
    """An old receipt holds, and its reader is told."""
    case = open_case(sign(a_document()), store)
    later = check_itself(case, TRUST, "receipt", NOW + 2 * HOUR)
    assert later.holds
    assert any("expired" in note for note in later.notes)


def test_a_file_is_named_by_its_hash(store: EvidenceStore) -> None:
    """Another receipt in a file's place is noticed."""
    assert places(checked(sign(a_document()), store, name="ab" * 32)) == ["receipt's hash"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        pytest.param(a_document(extra=1), "extra", id="more than a receipt says"),
        pytest.param(a_document(family=None, track=None, prompts_hash=None), "a score has them", id="a score in no track"),
        pytest.param(a_rejection(track=None), "come together", id="a family without a track"),
        pytest.param(a_rejection(prompts_hash=None), "come together", id="a track without prompts"),
        pytest.param(a_document(version=1), "version", id="another version"),
        pytest.param(a_document(score=1_000_001), "score", id="beyond the range"),
        pytest.param(a_document(score=0.5), "score", id="not in integers"),
        pytest.param(a_document(samples=[]), "stands on", id="a score that stands on nothing"),
        pytest.param(a_document(code=1103), "at once", id="scored and rejected"),
        pytest.param(a_rejection(score=5), "at once", id="rejected and scored"),
        pytest.param(a_rejection(code=2001), "2001", id="rejected for a fault of ours"),
        pytest.param(a_document(judged_at="2026-11-22T12:00:00Z"), "written", id="a time written otherwise"),
        pytest.param(a_document(judged_at="0001-01-01T00:00:00+14:00"), "judged_at", id="a time before all times"),
        pytest.param(a_document(hotkey="\u0665F"), "hotkey", id="a letter that looks like another"),
        pytest.param(a_document(repo="a/b\x1b[2J"), "repo", id="a name that moves the cursor"),
    ],
)
def test_what_is_not_formed_as_a_receipt_is_an_error(document: Document, words: str, store: EvidenceStore) -> None:
    """RECEIPT_INVALID names the field."""
    with pytest.raises(PlatformError, match=words) as caught:
        open_case(sign(document), store)
    assert caught.value.code is Code.RECEIPT_INVALID


def test_no_digit_of_the_file_can_be_changed(store: EvidenceStore) -> None:
    """Each of hundreds of digits, drawn by chance: an error, or something found; never an exception of a library."""
    raw = json.dumps(sign(a_document()).to_json()).encode()
    digits = [place for place, byte in enumerate(raw) if chr(byte).isdigit()]
    for place in Random(7).sample(digits, 300):
        changed_digit = raw[:place] + str((int(chr(raw[place])) + 1) % 10).encode() + raw[place + 1 :]
        if json.loads(changed_digit) == json.loads(raw):
            continue  # beyond what a double holds: the same number
        try:
            assert not checked(Signed.from_bytes(changed_digit), store).holds, place
        except (PlatformError, ReceiptInvalid):
            continue


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        pytest.param(None, [prompt.id for group in GROUPS for prompt in group.prompts], id="all"),
        pytest.param("0", [prompt.id for prompt in GROUPS[0].prompts], id="by index"),
        pytest.param(GROUPS[-1].prompts[0].id, [prompt.id for prompt in GROUPS[-1].prompts], id="by prompt, with its group"),
    ],
)
def test_part_of_an_evaluation(wanted: str | None, ids: list[str]) -> None:
    """A sample is looked at with its whole group, whose score is the part's."""
    chosen = part(a_report(), GROUPS, wanted)
    assert chosen is not None
    assert [prompt.id for group in chosen.groups for prompt in group.prompts] == ids
    assert [sample.prompt_id for sample in chosen.report.samples] == ids
    assert chosen.report.score == mean([group.score for group in chosen.report.groups])


@pytest.mark.parametrize("wanted", ["99", "g99.a", "", "-1", "²"])
def test_no_such_part(wanted: str) -> None:
    """Neither an index nor a prompt."""
    assert part(a_report(), GROUPS, wanted) is None


@pytest.mark.parametrize(
    ("by", "places"),
    [
        pytest.param(0, [], id="the same"),
        pytest.param(SAMPLE_TOLERANCE, [], id="within"),
        pytest.param(SAMPLE_TOLERANCE + 1, [f"{GROUPS[0].prompts[0].id}: score"], id="a sample beyond"),
    ],
)
def test_near_on_other_hardware(by: int, places: list[str]) -> None:
    """A sample may move by the tolerance, the mean of n by that over the root of n, either way."""
    claimed = a_report()
    first = replace(claimed.samples[0], score=Micro(claimed.samples[0].score + by))
    moved = replace(claimed, samples=(first, *claimed.samples[1:]))
    assert [row.what for row in near(moved, claimed)] == [row.what for row in near(claimed, moved)] == places
    share = round(SAMPLE_TOLERANCE / math.sqrt(len(claimed.samples)))
    assert [row.what for row in near(replace(claimed, score=Micro(claimed.score + share + 1)), claimed)] == ["score"]


CLASSES = AuditRules(
    drift=0.002,
    false_alarms=0.01,
    classes=(
        HardwareClass(cpus=("AuthenticAMD 25/1", "AuthenticAMD 25/8"), vectors="AVX2"),
        HardwareClass(cpus=("AuthenticAMD 25/17",), vectors="AVX512"),
    ),
)
MACHINE = "x86_64 Linux, AuthenticAMD 25/1, AVX2, glibc 2.36, torch 2.9, threads 1, no GPU, AMD EPYC"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(MACHINE, True, id="the same"),
        pytest.param(MACHINE.replace("25/1", "25/8").replace("AMD EPYC", "Ryzen"), True, id="another of its class"),
        pytest.param(MACHINE.replace("25/1", "25/17"), False, id="a generation of the same name"),
        pytest.param(MACHINE.replace("25/1", "25/17").replace("AVX2", "AVX512"), False, id="another class"),
        pytest.param(MACHINE.replace("AVX2", "DEFAULT"), False, id="other instructions"),
        pytest.param(MACHINE.replace("torch 2.9", "torch 2.8"), False, id="another torch"),
        pytest.param(MACHINE.replace("threads 1", "threads 2"), False, id="other threads"),
        pytest.param("abacus", False, id="anything else"),
    ],
)
def test_classes_of_hardware_are_those_that_the_rules_list(other: str, same: bool) -> None:
    """By what the processor says of itself; a machine that no class lists is of none, not even of its own."""
    assert same_class(MACHINE, other, CLASSES, "cpu") == same_class(other, MACHINE, CLASSES, "cpu") == same
    assert not same_class(MACHINE, MACHINE, AuditRules(drift=0.002, false_alarms=0.01), "cpu")


WITH_CARD = MACHINE.replace("no GPU", "NVIDIA H200")
CARDS = CLASSES.model_copy(
    update={
        "classes": (
            *CLASSES.classes,
            HardwareClass(cpus=("AuthenticAMD 25/1",), vectors="AVX2", cards=("NVIDIA H200", "NVIDIA H100"), tolerance=0.3),
        )
    }
)


def test_speech_on_a_card_is_of_a_class_that_lists_it() -> None:
    """The same processor without a card, or with another one, may say something else; a class states how much else."""
    assert same_class(WITH_CARD, WITH_CARD, CARDS, "cuda")
    assert not same_class(WITH_CARD, WITH_CARD, CLASSES, "cuda")
    assert not same_class(WITH_CARD, WITH_CARD.replace("H200", "H100"), CARDS, "cuda")
    assert not same_class(MACHINE, MACHINE, CARDS, "cuda")
    assert same_class(MACHINE, MACHINE, CARDS, "cpu")
    assert tolerance(WITH_CARD, CARDS, "cuda") == 300_000
    assert tolerance(WITH_CARD, CARDS, "cpu") == 100_000
    assert tolerance(MACHINE, CARDS, "cuda") == SAMPLE_TOLERANCE


@pytest.mark.parametrize(
    ("here", "words"),
    [
        pytest.param(MACHINE, "the rules list it in no class", id="the same"),
        pytest.param(MACHINE.replace("EPYC", "Ryzen"), "the rules list it in no class", id="called otherwise"),
        pytest.param(
            MACHINE.replace("25/1", "25/2"), f"judged on other hardware or software ({MACHINE}; here", id="another processor"
        ),
        pytest.param(MACHINE.replace("threads 1", "threads 2"), "other hardware or software", id="more threads"),
    ],
)
def test_a_reader_is_told_why_scores_are_compared_nearly(here: str, words: str) -> None:
    """Nobody reads of other hardware where both machines are described alike."""
    assert words in why_nearly(MACHINE, here)


def test_a_tolerance_of_its_own() -> None:
    """A sample beyond the usual one is forgiven where its class says so, and the mean in its proportion."""
    claimed = a_report()
    moved = replace(
        claimed, samples=(replace(claimed.samples[0], score=Micro(claimed.samples[0].score + 200_000)), *claimed.samples[1:])
    )
    assert ([row.what for row in near(moved, claimed, Micro(300_000))], len(near(moved, claimed))) == ([], 1)
    assert mean_tolerance(9, Micro(300_000)) == 100_000


def test_a_processor_stands_in_one_class_with_a_card() -> None:
    """Alone in one, and with each card in one."""
    twice = HardwareClass(cpus=("AuthenticAMD 25/1",), vectors="AVX2", cards=("NVIDIA H200",))
    with pytest.raises(ValueError, match="or with each card in one"):
        AuditRules(drift=0.002, false_alarms=0.01, classes=(twice, twice))


def test_levels_stand_on_each_other(store: EvidenceStore) -> None:
    """A level is not tried when one before it has found something."""
    case = open_case(sign(a_document(prompts_hash="0" * 64)), store)
    tried: list[int] = []

    def second(_case: object) -> VerifyOutcome:
        tried.append(2)
        return VerifyOutcome()

    assert not run_levels(case, [lambda c: check_itself(c, TRUST, "receipt", NOW), second]).holds
    assert run_levels(case, [lambda _case: VerifyOutcome(), second]).holds
    assert tried == [2]


def test_a_silent_failure_needs_no_sound(store: EvidenceStore) -> None:
    """A sample that timed out has neither metrics nor audio, scores 0, and stays in the mean."""
    outcomes = {
        p.id: JudgedSample(gate=Gate.TIMEOUT, metrics={}, pcm_sha256="", seconds=10.0) for group in GROUPS for p in group.prompts
    }
    who = ProfileIdentity.of(Profile.EMBEDDED, {"scripted": "1"}, SCALE)
    silent = report(who, GROUPS, outcomes, ScoreRules(SCALE, TRACK.factors))
    samples = [{**entry, "gate": "timeout"} for entry in receipt.listed(silent.samples)]
    groups = [[group.id, group.kind, 0] for group in silent.groups]
    assert checked(sign(a_document(samples=samples, groups=groups, score=0, stderr=0)), store).holds
