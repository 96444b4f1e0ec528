"""Level 3 of a verification of a model whose sounds depend on their batches, as in bfloat16: it is asked in the same ones."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from scoring.audio.spoken import Spoken
from scoring.competition import Competition
from scoring.model.fingerprint import fingerprint
from scoring.progress import NO_PROGRESS
from scoring.receipts import receipt
from scoring.receipts.receipt import Circumstances, Finding, Placement
from scoring.store.folder import FolderFiles
from scoring.synthesis.csm import tiny
from scoring.synthesis.families import FAMILIES
from scoring.synthesis.synthesiser import Request
from tests.builders.certificates import a_certificate
from tests.builders.rules import a_competition, a_track
from tests.builders.tools import build_tools
from tests.chaos.stand_ins import QuickPanels, QuickSandbox, sound_of
from tests.integration.test_verify_again import BLOCK_HASH, ISSUER, KEY, NOW, listing_here, subject
from voice_api.keys import CertifiedKey
from workers.evaluation.audio_store import EvidenceStore
from workers.evaluation.batches import batches_of, batches_with
from workers.evaluation.hardware import describe_hardware
from workers.evaluation.obtain import LocalModel
from workers.evaluation.progress import Stage
from workers.evaluation.speech import judge_model
from workers.evaluation.tools import Tools
from workers.sandbox.conversation import Conversation
from workers.verify.model import check_model
from workers.verify.receipt import VerifyOutcome, open_case

SIGNER = CertifiedKey(KEY, a_certificate(ISSUER, KEY, NOW))


@dataclass(frozen=True)
class Bed:
    """A receipt of a model that spoke in batches of five."""

    rules: Competition
    tools: Tools
    model: LocalModel
    document: dict[str, Any]
    store: EvidenceStore

    def again(self, sample: str | None, document: dict[str, Any] | None = None) -> tuple[VerifyOutcome, int]:
        """Level 3 of the receipt, or of another document; and how many prompts the model was asked for it."""
        signed = receipt.sign(document or self.document, SIGNER)
        self.store.keep_evidence(signed, self.rules)
        asked: set[int] = set()

        def progress(stage: Stage, done: int, total: int) -> None:
            del done
            if stage is Stage.SPEAK:
                asked.add(total)

        found = check_model(open_case(signed, self.store), sample, self.model.folder, self.tools, progress)
        (total,) = asked
        return found, total


@pytest.fixture
def sandbox() -> type[QuickSandbox]:
    """What the model speaks in."""
    return QuickSandbox


@pytest.fixture
def bed(tmp_path: Path, sandbox: type[QuickSandbox]) -> Bed:
    """Nine single samples and two of one voice; sounds and judges need milliseconds."""
    track = a_track(families=("csm",), synthesis={"batch": 5}, prompts={"single": 9, "voice": 1})
    rules = listing_here(a_competition(track))
    folder = tiny.build(tmp_path / "model")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nA random model.\n", encoding="utf-8")
    model = LocalModel(folder, "csm", rules.track[0])
    tools = build_tools(tmp_path, sandbox=sandbox(tmp_path / "scratch", 0.0), panel=QuickPanels())
    report = judge_model(model, BLOCK_HASH, tools, NO_PROGRESS).report
    prints = fingerprint(folder, NO_PROGRESS)
    finding = Finding(content_hash=prints.content, tensors_hash=prints.tensors, code=None, reason=None, report=report)
    place = Placement.of(FAMILIES["csm"], model.track, BLOCK_HASH)
    here = Circumstances(describe_hardware(), datetime.now(UTC), {})
    document = receipt.build(subject("a/csm", rules), place, finding, here)
    return Bed(rules, tools, model, document, EvidenceStore(FolderFiles(tmp_path / "store")))


def test_all_that_was_said_is_said_again(bed: Bed) -> None:
    """Every sound is the same, because every batch is."""
    assert bed.again(None) == (VerifyOutcome(), 11)


def test_of_one_sample_the_whole_batch_is_asked_and_no_other(bed: Bed) -> None:
    """Alone it would sound otherwise; what is not in its batch need not be said."""
    assert bed.again("g00.a") == (VerifyOutcome(), 5)


def test_a_worker_that_asks_one_by_one_is_found_out(bed: Bed) -> None:
    """Its sound is not what the round's batches give."""
    batches = batches_of("csm", bed.model.track, BLOCK_HASH)
    (batch,) = batches_with(batches, {"g00.a"})
    request: Request = next(timed.request for timed in batch if timed.request.prompt_id == "g00.a")
    alone = hashlib.sha256(sound_of(bed.model.folder.name, [request], request)).hexdigest()
    samples = [row | {"pcm_sha256": alone} if row["prompt"] == "g00.a" else row for row in bed.document["samples"]]
    found, _ = bed.again("g00.a", bed.document | {"samples": samples})
    assert [row.what for row in found.differences] == ["g00.a: spoken again"]


class CountingSandbox(QuickSandbox):
    """Its guests answer by what they were asked before, which a file in no round could tell."""

    @contextmanager
    def guest(self, *task: Any, **means: Any) -> Iterator[Conversation]:
        """One that counts its batches."""
        with super().guest(*task, **means) as talk:
            yield cast(Conversation, _CountingGuest(talk))


class _CountingGuest:
    def __init__(self, talk: Conversation) -> None:
        self._talk, self._asked = talk, 0

    def say(self, batch: Sequence[Request], most_seconds: float) -> list[Spoken]:
        """The honest sounds with the count in front."""
        self._asked += 1
        return [replace(said, pcm=bytes([self._asked, 0]) + said.pcm) for said in self._talk.say(batch, most_seconds)]


@pytest.mark.parametrize("sandbox", [CountingSandbox])
def test_an_answer_that_depends_on_the_order_is_found_out(bed: Bed) -> None:
    """The batches are asked in another order than in the round: who went by the order says something else."""
    assert bed.again(None)[0].differences
