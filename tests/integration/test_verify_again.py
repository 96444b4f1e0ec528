"""Levels 2 and 3 of a verification, on a receipt that a real model's voice and the real judges made."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from bittensor.sp_core import Keypair

from neurons.api_client.client import VoiceApi
from neurons.localnet.network import COMPETITION
from neurons.validator.follow.audit import audit, by_command
from scoring.audio.spoken import Spoken
from scoring.competition import Competition, HardwareClass, load
from scoring.errors import Code, InfrastructureFault, PlatformError
from scoring.model.fingerprint import fingerprint
from scoring.progress import NO_PROGRESS
from scoring.receipts import receipt
from scoring.receipts.audit import Difference, mean_tolerance
from scoring.receipts.certificate import revoke
from scoring.receipts.drift import Deviation, accused_at
from scoring.receipts.receipt import Circumstances, Finding, Placement, Signed, Subject
from scoring.receipts.store import StoreLayout
from scoring.store.folder import FolderFiles
from scoring.synthesis.families import FAMILIES
from scoring.types import Block, BlockHash, Entrant, Hotkey, Micro, RoundNumber
from tests.builders import command_line, espeak_voices
from tests.builders.certificates import a_certificate
from tests.builders.environments import needing
from tests.builders.rules import asking
from voice_api.db.audits import Drawn
from voice_api.db.states import AuditOutcome
from voice_api.keys import CertifiedKey, ServiceKey
from workers.evaluation.audio_store import EvidenceStore
from workers.evaluation.environments import EnvironmentStore
from workers.evaluation.hardware import describe_hardware
from workers.evaluation.obtain import LocalModel
from workers.evaluation.speech import judge_model
from workers.evaluation.tools import Tools, open_tools
from workers.sandbox.sandbox import GuestStage, GuestTimedOut
from workers.verify.audio import check_audio
from workers.verify.model import check_model
from workers.verify.receipt import MeanDeviation, VerifyOutcome, open_case

NOW = datetime.now(UTC).replace(microsecond=0)
BLOCK_HASH = BlockHash("0x" + "5a" * 32)
ISSUER = ServiceKey(Keypair.create_from_seed(bytes(32)))
KEY = ServiceKey(Keypair.create_from_seed(bytes([2]) * 32))
CERTIFICATE = a_certificate(ISSUER, KEY, NOW)

BEFORE_ITS_FAMILY = {Code.FILE_NOT_ALLOWED, Code.LICENCE_NOT_OPEN, Code.REPO_NOT_PUBLIC}
"""Rejections that say nothing of a family: nobody knew it yet."""

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Bed:
    """A receipt with its evidence on disk, the models, and what judges and speaks again."""

    folder: Path
    rules: Competition
    store: EvidenceStore
    models: dict[str, Path]
    tools: Tools
    document: Document

    def audio_again(self, document: Document, sample: str | None = "g00.a", store: EvidenceStore | None = None) -> VerifyOutcome:
        """Level 2 alone."""
        case = open_case(sign(document), self.store)
        return check_audio(case, sample, store or self.store, self.tools.panel, NO_PROGRESS)

    def model_again(self, document: Document, model: str = "clear", sample: str | None = "g00.a") -> VerifyOutcome:
        """Level 3 alone."""
        case = open_case(sign(document), self.store)
        return check_model(case, sample, self.models[model], self.tools, NO_PROGRESS)

    def edited(self, edit: Callable[[Document], object]) -> Document:
        """The receipt as a lying worker would write it."""
        document: Document = json.loads(json.dumps(self.document))
        edit(document)
        return document


def listing_here(rules: Competition) -> Competition:
    """The rules with this machine alone in their list of hardware."""
    _, cpu, vectors, *_ = describe_hardware().split(", ")
    here = HardwareClass(cpus=(cpu,), vectors=vectors)
    return rules.model_copy(update={"audits": rules.audits.model_copy(update={"classes": (here,)})})


def sign(document: Document) -> Signed:
    return receipt.sign(document, CertifiedKey(KEY, CERTIFICATE))


def subject(repo: str, rules: Competition) -> Subject:
    """A submission of 5F in round 3."""
    return Subject(
        hotkey=Hotkey("5F"),
        commit_block=Block(10),
        repo=repo,
        revision="0" * 40,
        round=RoundNumber(3),
        block_hash=BLOCK_HASH,
        competition_hash=rules.hash,
    )


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """One single, one counterfactual and one voice pair, spoken by the demo's clear voice and judged, all for real."""
    folder, threads = tmp_path_factory.mktemp("verify"), torch.get_num_threads()
    torch.set_num_threads(1)  # as workers and `voice verify` do: it is part of the hardware's description
    rules = listing_here(asking(load(COMPETITION).at(RoundNumber(0))))
    made, means = espeak_voices.build(folder / "models"), open_tools("http://127.0.0.1:1", folder / "data")
    track = rules.track_of("espeak")
    speech = judge_model(LocalModel(made["clear"], "espeak", track), BLOCK_HASH, means, NO_PROGRESS)
    prints = fingerprint(made["clear"], NO_PROGRESS)
    finding = Finding(content_hash=prints.content, tensors_hash=prints.tensors, code=None, reason=None, report=speech.report)
    here = Circumstances(describe_hardware(), NOW, {"speak": speech.speak_seconds})
    document = receipt.build(subject("clear/voice", rules), Placement.of(FAMILIES["espeak"], track, BLOCK_HASH), finding, here)
    store = EvidenceStore(FolderFiles(folder / "store"))
    for spoken in speech.spoken.values():
        store.keep_audio(spoken)
    store.keep_evidence(sign(document), rules)
    yield Bed(folder=folder, rules=rules, store=store, models=made, tools=means, document=document)
    torch.set_num_threads(threads)


def voice(bed: Bed, *arguments: str) -> tuple[int, Document, str]:
    """Run `voice verify … --json` in another process, with nothing in its environment; status, answer and stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "neurons.cli", "verify", *arguments, "--json"],
        cwd=bed.folder,
        env={"PATH": os.defpath, "VOICE_DATA": str(bed.folder / "data")},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def here(bed: Bed, *arguments: str) -> tuple[int, Document, str]:
    """The same inside the test's process, for what needs none of its own."""
    done = command_line.voice(bed.folder, "verify", *arguments, "--json", VOICE_DATA=str(bed.folder / "data"))
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def receipt_file(bed: Bed) -> Path:
    return bed.folder / "store" / "receipts" / f"{receipt.digest(bed.document)}.json"


@pytest.mark.timeout(240)
def test_a_score_is_run_again_by_anybody(bed: Bed) -> None:
    """All three levels in another process, without network, database or chain: the same metrics and the same sounds, exactly."""
    status, answer, _ = voice(
        bed, str(receipt_file(bed)), "--level", "3", "--model", str(bed.models["clear"]), "--issuer", ISSUER.address
    )
    assert (status, answer["holds"], answer["differences"], answer["level"]) == (0, True, [], 3)
    assert answer["score"] == bed.document["score"] > 0


def test_one_digit_is_enough(bed: Bed, tmp_path: Path) -> None:
    """The receipt's file with one digit of one metric changed: it says so at once, with the reason."""
    text, wer = receipt_file(bed).read_text(encoding="utf-8"), bed.document["samples"][0]["metrics"]["p808"]
    copy = tmp_path / "copy.json"
    copy.write_text(text.replace(repr(wer), repr(wer + 0.001), 1), encoding="utf-8")
    status, answer, _ = here(bed, str(copy), "--store", str(bed.folder / "store"))
    assert (status, answer["holds"]) == (1, False)
    assert "signature" in [row["what"] for row in answer["differences"]]


@pytest.mark.parametrize(
    ("said", "difference"),
    [
        pytest.param(
            {"track": "described"}, {"what": "track", "claimed": "described", "found": "small"}, id="not its family's track"
        ),
        pytest.param(
            {"family": "vits"}, {"what": "family", "claimed": "vits", "found": "none of the competition's"}, id="of no track"
        ),
    ],
)
def test_a_family_competes_in_its_own_track_alone(bed: Bed, tmp_path: Path, said: Document, difference: dict[str, str]) -> None:
    """A worker that signs another one is found by the receipt itself, under the rules that it names."""
    signed = sign(bed.edited(lambda document: document.update(said)))
    (tmp_path / "lied.json").write_text(json.dumps(signed.to_json()), encoding="utf-8")
    store = ("--store", str(bed.folder / "store"))
    status, answer, _ = here(bed, str(tmp_path / "lied.json"), "--level", "1", *store, "--issuer", ISSUER.address)
    assert (status, answer["differences"]) == (1, [difference])


def test_a_revoked_certificate_is_named(bed: Bed, tmp_path: Path) -> None:
    """By the issuer's signed list; another's list, and none at all, are errors of one line."""
    listed, others = tmp_path / "revoked.json", tmp_path / "others.json"
    for path, key in ((listed, ISSUER.pair), (others, KEY.pair)):
        made = revoke(Hotkey(key.ss58_address), frozenset({CERTIFICATE.serial}), lambda m, k=key: bytes(k.sign(m)).hex())  # type: ignore[misc]
        path.write_text(json.dumps(made.to_json()), encoding="utf-8")
    status, answer, _ = here(bed, str(receipt_file(bed)), "--level", "1", "--revocations", str(listed))
    (row,) = answer["differences"]
    assert (status, row["what"], "was revoked" in row["found"]) == (1, "certificate", True)
    for path in (others, tmp_path / "nowhere.json"):
        status, answer, stderr = here(bed, str(receipt_file(bed)), "--level", "1", "--revocations", str(path))
        assert (status, answer, len(stderr.splitlines())) == (1, {}, 1)
        assert stderr.startswith(f"error {Code.REVOCATIONS_INVALID} ")


def rows(outcome: VerifyOutcome) -> list[str]:
    return [row.what for row in outcome.differences]


def test_audio_that_is_not_there_is_named(bed: Bed, tmp_path: Path) -> None:
    """By the sample, and the hash."""
    found = bed.audio_again(bed.document, store=EvidenceStore(FolderFiles(tmp_path))).differences
    samples = [sample for sample in bed.document["samples"] if sample["group"] == "g00"]
    assert [(row.what, row.claimed) for row in found] == [(f"{s['prompt']}: audio", s["pcm_sha256"]) for s in samples]
    assert all("no audio" in row.found for row in found)


def test_sounds_of_two_samples_exchanged_are_heard(bed: Bed) -> None:
    """Everything in the receipt agrees, but the judges hear other words."""
    name = voice_group(bed)
    found = rows(bed.audio_again(bed.edited(lambda document: swap_sounds(bed, document)), sample=f"{name}.a"))
    assert any(what.startswith(f"{name}.a: metric") or what == f"{name}.a: gate" for what in found)


def published(bed: Bed, document: Document) -> VoiceApi:
    """The API of a validator that keeps the bed's audio, and this receipt."""

    def answer(request: httpx.Request) -> httpx.Response:
        if "receipts" in request.url.path:
            return httpx.Response(200, json=sign(document).to_json())
        return httpx.Response(200, content=StoreLayout(bed.folder / "store").audio(request.url.path[-64:]).read_bytes())

    return VoiceApi("http://voice.test", transport=httpx.MockTransport(answer))


@pytest.mark.timeout(240)
def test_a_validator_that_follows_finds_out_who_lied(bed: Bed) -> None:
    """Its audit runs the same check in a process of its own: an honest receipt holds, a liar's does not, and that is the worker's."""
    (rules,) = (bed.folder / "store").rglob(f"{bed.rules.hash}.json")
    lied = bed.edited(lambda document: swap_sounds(bed, document))
    for document, outcome in ((bed.document, AuditOutcome.HOLDS), (lied, AuditOutcome.DIFFERS)):
        drawn = Drawn(
            receipt_hash=receipt.digest(document),
            round=RoundNumber(3),
            entrant=Entrant("5F@10"),
            service=KEY.address,
            host="bench",
            level=2,
        )
        found = asyncio.run(audit(drawn, published(bed, document), by_command(rules)))
        assert (found.outcome, bool(found.why)) == (outcome, outcome is AuditOutcome.DIFFERS)


def swap_sounds(bed: Bed, document: Document) -> None:
    """Two samples of a group name each other's sound."""
    pair = [sample for sample in document["samples"] if sample["group"] == voice_group(bed)]
    pair[0]["pcm_sha256"], pair[1]["pcm_sha256"] = pair[1]["pcm_sha256"], pair[0]["pcm_sha256"]


def voice_group(bed: Bed) -> str:
    return next(str(name) for name, kind, _score in bed.document["groups"] if kind == "voice")


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        pytest.param(lambda s: s.update(rate=24_000), "g00.a: metric", id="at another rate"),
        pytest.param(lambda s: s.update(gate="too_long", metrics={}, utilities={}, score=0), "g00.a: gate", id="a closed gate"),
        pytest.param(lambda s: s["metrics"].update(p808=s["metrics"]["p808"] + 1e-12), "g00.a: metric p808", id="a last digit"),
    ],
)
def test_what_only_judges_can_tell_is_told(bed: Bed, edit: Callable[[Document], object], what: str) -> None:
    """A lie that agrees with itself does not agree with the audio."""
    found = rows(bed.audio_again(bed.edited(lambda document: edit(document["samples"][0]))))
    assert any(row.startswith(what) for row in found)


def test_judges_of_another_version_do_not_pass_for_the_receipts(bed: Bed) -> None:
    """It names the judge, and what is needed."""
    outcome = bed.audio_again(bed.edited(lambda document: document["judges"].update(naturalness="0")))
    assert rows(outcome) == ["judge naturalness"]
    assert any("need the version" in note for note in outcome.notes)


def test_a_sample_that_is_not_there_is_an_error(bed: Bed) -> None:
    """It says what there is."""
    with pytest.raises(PlatformError, match="g00") as caught:
        bed.audio_again(bed.document, sample="99")
    assert caught.value.code is Code.ARGUMENT_INVALID


def test_another_model_is_not_the_receipts(bed: Bed) -> None:
    """It is not even asked to speak."""
    assert rows(bed.model_again(bed.document, "worse")) == ["content hash", "tensors' hash"]


def test_tensors_of_another_model_are_not_the_receipts(bed: Bed) -> None:
    """Who was first with a model is decided by them."""
    assert rows(bed.model_again(bed.edited(lambda d: d.update(tensors_hash="22" * 32)))) == ["tensors' hash"]


def test_the_family_of_another_model_is_not_the_receipts(bed: Bed) -> None:
    """Which track a model competes in is decided by it."""
    assert rows(bed.model_again(bed.edited(lambda d: d.update(family="vits")))) == ["family"]


def test_another_sound_is_not_the_receipts(bed: Bed) -> None:
    """On the same hardware each PCM must be the same."""
    document = bed.edited(lambda d: d["samples"][0].update(pcm_sha256="00" * 32))
    assert rows(bed.model_again(document)) == ["g00.a: spoken again"]


def test_other_hardware_is_judged_within_a_tolerance(bed: Bed) -> None:
    """Another PCM, and other last digits, pass when the scores lie close; a score far off does not. The reader is told."""
    other = {"hardware": "abacus"}
    score = bed.document["samples"][0]["score"]
    drifted = bed.edited(lambda d: d.update(other) or d["samples"][0].update(pcm_sha256="00" * 32, score=score + 9))
    assert bed.model_again(drifted).holds
    assert any("abacus" in note for note in bed.model_again(drifted).notes)
    wrong = bed.edited(lambda d: d.update(other) or d["samples"][0].update(score=score + 300_000))
    assert rows(bed.model_again(wrong)) == ["g00.a: score"]


@pytest.mark.parametrize(
    ("level", "sample"), [pytest.param(2, None, id="all heard again"), pytest.param(3, "g00.a", id="one spoken")]
)
def test_real_audits_of_a_worker_that_shifts_its_scores_accuse_it_of_drift(bed: Bed, level: int, sample: str | None) -> None:
    """It disguises its hardware and claims .98 of what is forgiven: each receipt holds, and the signed deviations tell on it."""
    shift = int(0.98 * mean_tolerance(len(bed.document["samples"])))

    def lie(document: Document) -> None:
        document.update(hardware="abacus", score=document["score"] + shift)
        for group in document["groups"]:
            group[2] += shift
        for each in document["samples"]:
            each["score"] += shift

    lied = bed.audio_again(bed.edited(lie), sample) if level == 2 else bed.model_again(bed.edited(lie), sample=sample)
    assert lied.holds and lied.deviation is not None
    judged = [each for each in bed.document["samples"] if sample is None or each["group"] == "g00"]
    assert lied.deviation == MeanDeviation(Micro(shift), mean_tolerance(len(judged)))
    if sample is None:
        found = Deviation(Hotkey("5F"), lied.deviation.by, lied.deviation.tolerance)
        assert accused_at([found] * 200, bed.rules.audits) is not None


def rejection(bed: Bed, code: Code) -> Document:
    """A rejection of the same submission."""
    finding = Finding(content_hash=None, tensors_hash=None, code=code, reason="so it is", report=None)
    place = None if code in BEFORE_ITS_FAMILY else Placement.of(FAMILIES["espeak"], bed.rules.track_of("espeak"), BLOCK_HASH)
    return receipt.build(subject("a/b", bed.rules), place, finding, Circumstances("here", NOW, {}))


@pytest.mark.parametrize(
    ("code", "model", "expected"),
    [
        pytest.param(Code.FILE_NOT_ALLOWED, "pickle", [], id="rejected again"),
        pytest.param(Code.LICENCE_NOT_OPEN, "pickle", ["verdict"], id="for another reason"),
        pytest.param(Code.LOAD_FAILED, "clear", ["verdict"], id="wrongly: it speaks"),
        pytest.param(Code.COPY, "clear", [], id="a copy: the chain knows"),
    ],
)
def test_a_rejection_is_tried_again(bed: Bed, code: Code, model: str, expected: list[str]) -> None:
    """What is rejected must be rejected for the same reason; what follows from others' commitments is said to be open."""
    document = rejection(bed, code)
    assert bed.audio_again(document).holds
    outcome = bed.model_again(document, model)
    assert rows(outcome) == expected
    assert (code is Code.COPY) == any("commitments" in note for note in outcome.notes)
    assert not outcome.not_comparable


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(Code.SAMPLE_TIMEOUT, id="a busy host, idle now"),
        pytest.param(Code.MEMORY_EXCEEDED, id="other libraries"),
        pytest.param(Code.FAILED_ALIKE, id="a bug of an earlier version"),
        pytest.param(Code.REPO_NOT_PUBLIC, id="public since"),
    ],
)
def test_a_rejection_that_depends_on_the_host_cannot_be_compared(bed: Bed, code: Code) -> None:
    """The model speaks here and now: that is no word against the worker that saw it fail."""
    outcome = bed.model_again(rejection(bed, code))
    assert outcome.holds
    assert outcome.not_comparable == (Difference("verdict", f"rejected, code {code}", "it spoke every prompt"),)


class SlowModels:
    """A sandbox in which the reference guest is as quick as ever, and no model speaks in time."""

    def hold_card(self, _limits: object) -> None:
        """None is asked for."""

    def speak(self, *_task: object, **_options: object) -> tuple[Spoken, ...]:
        """Nothing, for the reference guest."""
        return ()

    def guest(self, *_task: object, **_options: object) -> None:
        """Raises GuestTimedOut."""
        raise GuestTimedOut(GuestStage.SAMPLE)


def test_a_scored_model_that_is_too_slow_here_cannot_be_compared(bed: Bed) -> None:
    """The worker's host was quicker than this one: that is no word against it."""
    slow: Any = SlowModels()
    again = replace(bed, tools=replace(bed.tools, sandbox=slow))
    outcome = again.model_again(bed.document)
    assert outcome.holds
    assert [(row.what, row.claimed) for row in outcome.not_comparable] == [("verdict", "it scored")]


def test_a_scored_model_that_is_rejected_now_is_named(bed: Bed) -> None:
    """The rejection's code is what was found."""
    (row,) = bed.model_again(bed.document, "pickle").differences
    assert (row.what, row.claimed) == ("verdict", "it scored")
    assert str(int(Code.FILE_NOT_ALLOWED)) in row.found


def test_a_host_without_the_familys_packages_says_so(bed: Bed, tmp_path: Path) -> None:
    """It installs none by itself: what cannot be repeated here is no word against the receipt."""
    families = needing(f"hum==1 --hash=sha256:{'1' * 64}\n", tmp_path)
    store = EnvironmentStore(tmp_path / "environments", installs=False, families=families)
    with pytest.raises(InfrastructureFault, match="of the family espeak is not prepared") as caught:
        replace(bed, tools=replace(bed.tools, environments=store)).model_again(bed.document)
    assert caught.value.code is Code.ENVIRONMENT_UNAVAILABLE
