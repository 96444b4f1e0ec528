"""One job on a real PostgreSQL, with a hub that does what it likes: whose fault it is, and what becomes of the row."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bittensor as bt
import pytest
import uvicorn

from neurons.localnet.hub_server import Control, Failure, create_hub
from neurons.localnet.network import COMPETITION
from neurons.localnet.repositories import publish
from neurons.validator import certification
from neurons.validator.ledger import ReceiptCheck
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.model.fingerprint import fingerprint, tag_of
from scoring.progress import NO_PROGRESS
from scoring.receipts.certificate import Certificate, Trust
from scoring.store.folder import FolderFiles
from scoring.types import Block, BlockHash, Hotkey, PublicKey, RoundNumber, SubmissionId
from tests.builders import espeak_voices
from tests.builders.ranking import SMALL
from tests.builders.rules import asking
from tests.builders.rules import changed as rules_changed
from tests.builders.tools import build_tools
from tests.builders.workers import a_worker, changed
from tests.chaos.stand_ins import QuickPanels, QuickSandbox
from voice_api.db.database import Pool
from voice_api.db.evaluations import Evaluation
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import EvaluationState, QueueName, SubmissionState
from voice_api.db.submissions import NewSubmission, Submission, Submissions
from voice_api.keys import CertifiedKey, ServiceKey, verify
from workers.evaluation.audio_store import EvidenceStore, read_receipt
from workers.evaluation.receipt_signer import ReceiptSigner
from workers.hub.client import Hub, Timeouts
from workers.jobs.context import WorkerContext
from workers.jobs.wakeup import work_one

DEMO = load(COMPETITION)
SCHEDULE = DEMO.model_copy(update={"version": (asking(DEMO.version[0]),)})
"""The demo's rules, with a group of each kind a round and descriptions that ask for everything."""
ROUND = 3


@dataclass(kw_only=True)
class Bed:
    """A worker's context, and a hub with the six demo models that the test may tell to fail."""

    context: WorkerContext
    pool: Pool
    control: Control
    root: Path
    folders: dict[str, Path]
    receipt_signer: ReceiptSigner

    async def submitted(self, role: str, number: int = 1, **overrides: object) -> SubmissionId:
        """A published and committed model, asked for in a round of its own number."""
        key = bytes([number]) * 32
        fields: dict[str, object] = {
            "hotkey": Hotkey(f"h{number}"),
            "public_key": key.hex(),
            "commit_block": Block(number),
            "tiebreak": f"{number:064x}",
            "commitment": "v1",
            "repo": f"{role}/voice",
            "revision": publish(self.root, f"{role}/voice", self.folders[role]),
            "tag": tag_of(fingerprint(self.folders["clear"], NO_PROGRESS).content, PublicKey(key.hex())),
        }
        (submission,) = await Submissions(self.pool).add([NewSubmission(**fields | overrides)])  # type: ignore[arg-type]
        return submission

    async def asked(self, *submissions: SubmissionId, number: int = ROUND) -> None:
        """Open a round for them under the worker's rules, on the queue for CPUs."""
        rules = self.context.judging.schedule.at(RoundNumber(number))
        start = Block(number * SCHEDULE.round_blocks)
        entries = [RoundEntry(submission, None, QueueName.CPU, order) for order, submission in enumerate(submissions)]
        new = NewRound(
            round=RoundNumber(number),
            start_block=start,
            block_hash=BlockHash("0x" + "5a" * 32),
            deadline_block=Block(start + 160),
            competition_hash=rules.hash,
        )
        assert await Rounds(self.pool).open(new, entries)

    async def worked(self, submission: SubmissionId, queue: QueueName = QueueName.CPU) -> tuple[str, Evaluation, Submission]:
        """What one job of a queue said, and how evaluation and submission stand after it."""
        said = await work_one(self.context, queue)
        store = Submissions(self.pool)
        return said, (await store.evaluations(submission))[0], await store.get(submission)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[str, Control, Path]]:
    """A running hub."""
    root = tmp_path / "hub"
    root.mkdir()
    app = create_hub(root)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", app.state.control, root
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
async def bed(tmp_path: Path, pool: Pool, hub: tuple[str, Control, Path], writer: bt.Wallet) -> Bed:
    """A worker that retries once, at once, and whose key the wallet `writer` certified."""
    url, control, root = hub
    timeouts = Timeouts(answer=timedelta(seconds=2), download=timedelta(seconds=20))
    client = Hub(url, tmp_path / "cache", timeouts)
    key = ServiceKey.at(tmp_path / "service.key")
    certificate = certification.certify(writer, key.address, "bench", timedelta(days=1), datetime.now(UTC))
    receipt_signer = ReceiptSigner(CertifiedKey(key, certificate), EvidenceStore(FolderFiles(tmp_path / "store")))
    context = a_worker(
        pool,
        name="bench",
        host="host-1",
        schedule=SCHEDULE,
        tools=build_tools(tmp_path, hub=client),
        receipt_signer=lambda: receipt_signer,
        confirm=timedelta(0),
    )
    folders = espeak_voices.build(tmp_path / "models")
    return Bed(context=context, pool=pool, control=control, root=root, folders=folders, receipt_signer=receipt_signer)


async def test_nothing_due_is_nothing_to_do(bed: Bed) -> None:
    """A wake-up too many costs nothing."""
    assert await work_one(bed.context, QueueName.CPU) == "nothing due"


async def test_a_pickle_is_refused_before_anything_is_fetched(bed: Bed) -> None:
    """The verdict names the file; the hub was asked for nothing but the card and the config."""
    submission = await bed.submitted("pickle")
    await bed.asked(submission)
    said, evaluation, held = await bed.worked(submission)
    assert (said, evaluation.state, held.state, held.code) == (
        "rejected",
        EvaluationState.REJECTED,
        SubmissionState.REJECTED,
        Code.FILE_NOT_ALLOWED,
    )
    assert "pytorch_model.bin" in (held.reason or "")
    assert (evaluation.track, held.family) == (None, None)
    asked = {request.rpartition("/")[2] for request in bed.control.requests if "/resolve/" in request}
    assert asked == {"README.md", "config.json"}


async def test_other_content_than_the_tag_binds_is_refused_before_it_is_loaded(bed: Bed) -> None:
    """Replaying another's tag, or changing bytes after the commit, ends the same way; its family is known by then, and its track."""
    submission = await bed.submitted("clear", tag="ff" * 16)
    await bed.asked(submission)
    _, evaluation, held = await bed.worked(submission)
    assert (held.state, held.code) == (SubmissionState.REJECTED, Code.TAG_MISMATCH)
    assert (evaluation.track, held.family) == (SMALL, "espeak")


async def test_a_copy_is_found_though_its_original_was_never_judged(bed: Bed) -> None:
    """The earlier commit's tag is enough; the verdict names it."""
    original, copy = await bed.submitted("clear", 1), await bed.submitted("copy", 2)
    await bed.asked(copy)
    said, _, held = await bed.worked(copy)
    assert (said, held.state, held.code, held.copy_of) == ("copy", SubmissionState.COPY, Code.COPY, original)
    assert f"submission {original}, committed earlier (block 1) by h1" in (held.reason or "")


async def test_a_hub_outage_is_tried_again_then_parked_and_never_the_miners_loss(bed: Bed) -> None:
    """503 for ever: two tries, then the operator's; the submission stands as it stood."""
    submission = await bed.submitted("clear")
    await bed.asked(submission)
    bed.control.failures["503"] = -1
    first = await bed.worked(submission)
    assert (first[0], first[1].state, first[1].code) == ("handed back", EvaluationState.QUEUED, Code.HUB_UNAVAILABLE)
    second = await bed.worked(submission)
    assert (second[0], second[1].state, second[1].failures) == ("parked", EvaluationState.PARKED, 2)
    assert (second[2].state, second[2].code) == (SubmissionState.QUEUED, None)


async def test_a_repository_may_become_public_until_the_end_of_the_next_round(bed: Bed) -> None:
    """Committed in round 2: private in round 3 waits without a verdict or a failure; in round 4 two refusals are final."""
    publish(bed.root, "worse/voice", bed.folders["worse"])  # something public, by which the hub shows that it works
    block = Block(2 * SCHEDULE.round_blocks + 1)
    submission = await bed.submitted("clear", commit_block=block)
    bed.control.private.add("clear/voice")
    await bed.asked(submission, number=3)
    said, evaluation, held = await bed.worked(submission)
    assert (said, evaluation.state, held.state) == ("not yet public", EvaluationState.PARKED, SubmissionState.QUEUED)
    await bed.asked(submission, number=4)
    said, evaluation, held = await bed.worked(submission)
    assert (said, evaluation.failures, held.state) == ("handed back", 0, SubmissionState.QUEUED)
    said, evaluation, held = await bed.worked(submission)
    assert (said, held.state, held.code) == ("rejected", SubmissionState.REJECTED, Code.REPO_NOT_PUBLIC)


@pytest.mark.parametrize("status", ["401", "403", "404"])
async def test_a_hub_that_refuses_everything_refuses_nobody(bed: Bed, status: Failure) -> None:
    """However often it does: it is an outage, parked in the end, and the submission stands as it stood."""
    submission = await bed.submitted("clear")
    bed.control.failures = {status: -1}
    await bed.asked(submission)
    for said in ("handed back", "parked"):
        found, evaluation, held = await bed.worked(submission)
        assert (found, evaluation.code, held.state) == (said, Code.HUB_UNAVAILABLE, SubmissionState.QUEUED)


async def test_a_round_under_other_rules_is_not_judged(bed: Bed) -> None:
    """A worker with another competition file hands the row back: ours, not the miner's."""
    submission = await bed.submitted("clear")
    new = NewRound(
        round=RoundNumber(ROUND),
        start_block=Block(120),
        block_hash=BlockHash("0x" + "5a" * 32),
        deadline_block=Block(999),
        competition_hash="ab" * 32,
    )
    await Rounds(bed.pool).open(new, [RoundEntry(submission, None, QueueName.CPU, 0)])
    said, evaluation, _ = await bed.worked(submission)
    assert (said, evaluation.code) == ("handed back", Code.COMPETITION_MISMATCH)


async def test_a_bug_hands_the_row_back_and_is_loud(bed: Bed, tmp_path: Path) -> None:
    """An unknown failure is ours: recorded as such, and raised for the job's log."""
    submission = await bed.submitted("clear")
    await bed.asked(submission)
    (tmp_path / "cache").write_text("a file where the worker's cache should be")
    with pytest.raises(OSError, match="cache"):
        await work_one(bed.context, QueueName.CPU)
    (evaluation,) = await Submissions(bed.pool).evaluations(submission)
    assert (evaluation.state, evaluation.code) == (EvaluationState.QUEUED, Code.WORKER_ERROR)


async def test_a_verdict_is_signed_and_its_evidence_kept(bed: Bed, tmp_path: Path, writer: bt.Wallet) -> None:
    """What the worker writes is what its validator counts; receipt, rules and the sound of every sample lie in the store."""
    submission = await bed.submitted("clear")
    await bed.asked(submission)
    said, evaluation, held = await bed.worked(submission)
    assert (said, evaluation.state, evaluation.track, held.family) == ("scored", EvaluationState.SCORED, SMALL, "espeak")
    (closed,), (result,) = await Rounds(bed.pool).page(), await Rounds(bed.pool).results(RoundNumber(ROUND))
    rules = SCHEDULE.at(RoundNumber(ROUND))
    groups = ReceiptCheck(
        closed, rules, Trust(frozenset({Hotkey(writer.hotkey.ss58_address)}), frozenset(), verify)
    ).accepted_scores(result)
    assert groups == {group.id: group.score for group in result.groups}
    store = EvidenceStore(FolderFiles(tmp_path / "store"))
    kept = read_receipt(tmp_path / "store" / "receipts" / f"{result.receipt_hash}.json")
    assert (kept.receipt, kept.signature, kept.certificate.to_json()) == (result.receipt, result.signature, result.certificate)
    assert store.competition(rules.hash) == rules
    for sample in result.samples:
        pcm, rate = store.audio(sample["pcm_sha256"])
        assert (rate, len(pcm) > 0) == (sample["rate"], True)


async def test_a_refusal_is_signed_as_well(bed: Bed) -> None:
    """A miner can show why it got nothing."""
    submission = await bed.submitted("pickle")
    await bed.asked(submission)
    await bed.worked(submission)
    (result,) = await Rounds(bed.pool).results(RoundNumber(ROUND))
    signer = bed.receipt_signer.signer.certificate
    assert (result.code, Certificate.from_json(result.certificate)) == (Code.FILE_NOT_ALLOWED, signer)


async def test_a_store_that_cannot_be_written_is_tried_again(bed: Bed, tmp_path: Path) -> None:
    """Evidence comes before the verdict: without a place for it there is none, and it is not the miner's loss."""
    submission = await bed.submitted("pickle")
    await bed.asked(submission)
    (tmp_path / "store").write_text("a file where the store should be")
    said, evaluation, held = await bed.worked(submission)
    assert (said, evaluation.state, evaluation.code) == ("handed back", EvaluationState.QUEUED, Code.STORE_UNAVAILABLE)
    assert held.state is SubmissionState.QUEUED


async def test_a_certificate_that_runs_out_meanwhile_is_tried_again(bed: Bed, tmp_path: Path) -> None:
    """Nothing is signed that nobody would count: another worker may still judge it."""
    now = datetime.now(UTC)
    ended = replace(bed.receipt_signer.signer.certificate, not_after=now)
    receipt_signer = replace(bed.receipt_signer, signer=CertifiedKey(ServiceKey.at(tmp_path / "service.key"), ended))
    submission = await bed.submitted("pickle")
    await bed.asked(submission)
    context = changed(bed.context, receipt_signer=lambda: receipt_signer)
    assert await work_one(context, QueueName.CPU) == "handed back"
    (evaluation,) = await Submissions(bed.pool).evaluations(submission)
    assert (evaluation.state, evaluation.code) == (EvaluationState.QUEUED, Code.CERTIFICATE_EXPIRED)


async def test_a_worker_without_a_valid_certificate_claims_nothing_and_ends(bed: Bed) -> None:
    """The row stays for others, as if this worker had never been."""

    def expired() -> ReceiptSigner:
        raise PlatformError(Code.CERTIFICATE_INVALID, "it expired")

    submission = await bed.submitted("pickle")
    await bed.asked(submission)
    context = changed(bed.context, receipt_signer=expired)
    assert (await work_one(context, QueueName.CPU), context.drain.requested) == ("not certified", True)
    (evaluation,) = await Submissions(bed.pool).evaluations(submission)
    assert (evaluation.state, evaluation.attempt) == (EvaluationState.QUEUED, 0)


@pytest.fixture
def quick(bed: Bed, tmp_path: Path) -> Bed:
    """The same worker under rules for cards, with a sandbox and judges that need none."""
    versions = [
        rules.model_copy(update={"track": (rules_changed(rules.track[0], synthesis={"device": "cuda"}),)})
        for rules in SCHEDULE.version
    ]
    quick = build_tools(
        tmp_path, hub=bed.context.judging.tools.hub, sandbox=QuickSandbox(tmp_path / "scratch", 0.0), panel=QuickPanels()
    )
    schedule = SCHEDULE.model_copy(update={"version": tuple(versions)})
    return replace(bed, context=changed(bed.context, schedule=schedule, tools=quick))


async def test_a_track_of_cards_waits_for_a_worker_that_has_one(quick: Bed) -> None:
    """Who has none reads a config, fetches no weights and fails nothing; who has one judges it."""
    submission = await quick.submitted("clear")
    await quick.asked(submission)
    said, evaluation, held = await quick.worked(submission)
    assert (said, evaluation.state, evaluation.queue) == ("moved", EvaluationState.QUEUED, QueueName.GPU)
    assert (evaluation.failures, evaluation.code, evaluation.track, held.family) == (0, None, SMALL, "espeak")
    assert not quick.context.judging.tools.hub.folder(str(held.repo), str(held.revision)).exists()
    assert await work_one(quick.context, QueueName.CPU) == "nothing due"
    said, evaluation, _ = await quick.worked(submission, QueueName.GPU)
    assert (said, evaluation.state, evaluation.failures) == ("scored", EvaluationState.SCORED, 0)


async def test_a_worker_with_a_card_leaves_a_track_of_cpus_to_others(bed: Bed) -> None:
    """An entry that nobody had read may wait for either; cards are dear, and scores are of the device that the rules name."""
    submission = await bed.submitted("clear")
    await bed.asked(submission)
    queue = bed.context.database.queue
    async with bed.pool.connection() as connection:  # as a validator of tracks of cards alone asks for it
        await connection.execute("update evaluations set queue = 'gpu'")
    said, evaluation, _ = await bed.worked(submission, QueueName.GPU)
    assert (said, evaluation.queue, await queue.due_counts()) == ("moved", QueueName.CPU, {QueueName.CPU: 1, QueueName.GPU: 0})


async def test_two_workers_that_disagree_send_nothing_to_and_fro(bed: Bed) -> None:
    """Of other releases they read two families in one revision: that is ours, and an operator's after the usual tries."""
    submission = await bed.submitted("clear")
    await bed.asked(submission)
    queue = bed.context.database.queue
    claim = await queue.claim(QueueName.CPU, "another release", timedelta(minutes=1))
    assert claim is not None
    await queue.move(claim, "vits", SMALL, QueueName.GPU)
    for outcome in ("handed back", "parked"):
        said, evaluation, held = await bed.worked(submission, QueueName.GPU)
        assert (said, evaluation.queue, evaluation.code) == (outcome, QueueName.GPU, Code.WORKER_ERROR)
        assert held.state is SubmissionState.QUEUED
    assert evaluation.reason is not None
    assert evaluation.reason.startswith("it was moved to this queue, and the family espeak competes in the track small")


async def test_what_is_refused_needs_no_card(quick: Bed) -> None:
    """Any worker that reads it may say so."""
    submission = await quick.submitted("pickle")
    await quick.asked(submission)
    said, evaluation, _ = await quick.worked(submission)
    assert (said, evaluation.queue) == ("rejected", QueueName.CPU)
