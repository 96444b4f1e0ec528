"""Near-copies on a real PostgreSQL: found by a worker, set aside, and ended by an operator."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from scoring.audio.spoken import Spoken
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.model.nearness import bands, base_of
from scoring.model.sketch import PROJECTIONS, Sketch, TensorSketch, sketch
from scoring.progress import NO_PROGRESS
from scoring.report import EvaluationReport
from scoring.store.folder import FolderFiles
from scoring.types import Block, BlockHash, Hotkey, RoundNumber, SubmissionId, Uid, entrant
from tests.builders.near_copies import MEASURED, a_near_copy
from tests.integration.conftest import REPORT
from tests.integration.event_replay import replayed
from voice_api.db.copies import NearCopies, NearCopyDecision, SketchRecord, keep_sketch
from voice_api.db.database import Pool, sql
from voice_api.db.evaluations import Claim, Verdict
from voice_api.db.operations import Operations
from voice_api.db.queue import EvaluationQueue
from voice_api.db.registry import RegisteredNeuron, Registry, RegistrySnapshot
from voice_api.db.states import EvaluationState, QueueName, SubmissionState
from voice_api.db.submissions import NewSubmission, Submissions
from workers.evaluation.audio_store import EvidenceStore
from workers.evaluation.bases import SketchedBase
from workers.evaluation.evaluate import JudgedModel
from workers.hub.client import Hub
from workers.jobs.lineage import StoredLineage

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
WHO: dict[str, Any] = {"actor": "operator", "reason": "because"}
AT_ONCE = timedelta(0)
RULES = load().at(RoundNumber(0))


async def take(pool: Pool) -> Claim:
    """Claim what must be there."""
    claim = await EvaluationQueue(pool).claim(QueueName.CPU, "w1", timedelta(minutes=15), "host-1")
    assert claim is not None
    return claim


async def states(pool: Pool) -> list[SubmissionState]:
    """Where all submissions stand, oldest first."""
    return [submission.state for submission in await Submissions(pool).page()]


@pytest.fixture
async def found(pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict]) -> tuple[SubmissionId, SubmissionId]:
    """An original, and a submission whose worker found it near; its owner's time to object is over."""
    original, copy = await open_round(submissions=2)
    queue = EvaluationQueue(pool)
    await queue.finish(await take(pool), verdict(sketch=SketchRecord(1, (1, 2, 3), b"original")))
    near = a_near_copy(copy, original, appeal=AT_ONCE)
    await queue.finish(await take(pool), verdict(sketch=SketchRecord(1, (2, 3, 4), b"copy"), near=(near,)))
    return original, copy


async def test_a_near_copy_is_set_aside_with_its_verdict(pool: Pool, found: tuple[SubmissionId, SubmissionId]) -> None:
    """Scored, and then set aside in the same transaction; measures and thresholds are kept, and its owner reads why."""
    original, copy = found
    assert await states(pool) == [SubmissionState.SCORED, SubmissionState.QUARANTINED]
    assert (await Submissions(pool).get(copy)).reason == f"near submission {original}"
    (row,) = await NearCopies(pool).page(undecided=True)
    assert (row.submission_id, row.original_id, row.distance, row.sound) == (copy, original, MEASURED.distance, MEASURED.sound)
    assert (row.most_distance, row.least_sound, row.compared, row.prompts, row.decision) == (50_000_000, 970_000, 9_000, 8, None)
    assert await replayed(pool) == ()


async def test_no_more_of_it_is_judged(pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict]) -> None:
    """What waits of a later one, found near an earlier one that was judged after it, is parked."""
    later, earlier = await open_round(submissions=2)
    queue = EvaluationQueue(pool)
    await queue.finish(await take(pool), verdict())
    await open_round_again(pool, later)
    claim = await take(pool)
    assert claim.submission_id == earlier
    await queue.finish(claim, verdict(near=(a_near_copy(later, earlier),)))
    assert await states(pool) == [SubmissionState.QUARANTINED, SubmissionState.SCORED]
    assert [row.state for row in await queue.page(submission=later)] == [EvaluationState.SCORED, EvaluationState.PARKED]
    assert await replayed(pool) == ()


async def open_round_again(pool: Pool, submission: SubmissionId) -> None:
    """A row of the next round that waits behind the others."""
    async with pool.connection() as connection:
        await connection.execute(
            """insert into rounds (round, start_block, block_hash, deadline_block, competition_hash)
            values (4, 160, '0x' || repeat('4', 64), 320, repeat('c', 64))"""
        )
        await connection.execute(
            "insert into evaluations (submission_id, round, queue, priority) values ($1, 4, 'cpu', 99)", submission
        )
        await connection.execute(sql("rounds.note_entries"), 4)


def like(*bands: int, key: int = 1) -> SketchRecord:
    """A sketch with these bands."""
    return SketchRecord(key, bands, b"")


async def test_a_key_is_the_databases_own(pool: Pool, found: tuple[SubmissionId, SubmissionId]) -> None:
    """Made with it, at random; after a newer one sketches by the older are compared with nothing, until they are drawn anew."""
    original, _ = found
    copies = NearCopies(pool)
    first = await copies.key()
    async with pool.connection() as connection:
        await connection.execute("insert into sketch_keys default values")
    second = await copies.key()
    assert (first.id, second.id, len({first.secret, second.secret, bytes(32)})) == (1, 2, 3)
    assert await copies.alike(SubmissionId(999), like(1, 2, 3, key=2)) == ()
    async with pool.connection() as connection:
        await keep_sketch(connection, original, SketchRecord(2, (1, 2, 3), b"anew"))
    assert [row.sketch for row in await copies.alike(SubmissionId(999), like(1, 2, 3, key=2))] == [b"anew"]


async def test_a_sketch_is_found_by_what_it_shares(pool: Pool, found: tuple[SubmissionId, SubmissionId]) -> None:
    """Most shared first; a near-copy by its sound stands for its original, a released one for itself; bands of nobody find nothing."""
    original, copy = found
    copies = NearCopies(pool)
    asked = SubmissionId(999)
    async with pool.connection() as connection:
        await connection.execute("update near_copies set distance = most_distance + 1, sound = least_sound")
    assert [(row.owner.submission_id, row.sketch) for row in await copies.alike(asked, like(2, 3, 4))] == [
        (original, b"copy"),
        (original, b"original"),
    ]
    await Operations(pool).unquarantine(copy, **WHO)
    assert [row.owner.submission_id for row in await copies.alike(asked, like(2, 3, 4))] == [copy, original]
    assert [row.sketch for row in await copies.alike(copy, like(4, 1))] == [b"original"]
    assert await copies.alike(asked, like(77)) == ()


async def test_nobody_is_near_a_model_by_what_lies_between(pool: Pool, found: tuple[SubmissionId, SubmissionId]) -> None:
    """Who is near a near-copy by its weights, or sounds like one by its sound, need not be near its original: that one itself is asked."""
    _, copy = found
    copies, evaluation = NearCopies(pool), (await EvaluationQueue(pool).page(submission=copy))[0]
    assert [row.sketch for row in await copies.alike(SubmissionId(999), like(2, 3, 4))] == [b"original"]
    async with pool.connection() as connection:
        await connection.execute("update evaluations set track = 'small'")
        await connection.execute("update near_copies set sound = least_sound")
        prompts = [row["prompt_id"] for row in await connection.fetch("select distinct prompt_id from samples order by 1")]
    spoken = await copies.spoken(evaluation.round, "small", SubmissionId(999), prompts)
    assert {row.evaluation_id for row in spoken}.isdisjoint({evaluation.id}) and spoken


async def test_nobodys_own_models_hide_a_strangers(pool: Pool, new_submission: Callable[..., NewSubmission]) -> None:
    """Of one owner only the most alike and the earliest are compared: there is room for who committed before, and it is known who did."""
    hotkeys = [*["mine"] * 5, "mine-too", "stranger"]
    given = [
        new_submission(hotkey=hotkey, public_key=f"{number:064x}", commit_block=Block(100 + number))
        for number, hotkey in enumerate(hotkeys)
    ]
    await Submissions(pool).add(given)
    assert await Registry(pool).replace(a_snapshot(1, **{"mine": "cold", "mine-too": "cold", "stranger": "warm"}))
    rows = await Submissions(pool).page()
    shared = {rows[0].id: (1, 2), rows[-1].id: (1,)}
    async with pool.connection() as connection:
        for row in rows:
            await keep_sketch(connection, row.id, SketchRecord(1, shared.get(row.id, (1, 2, 3)), b"s"))
    alike = await NearCopies(pool).alike(SubmissionId(999), like(1, 2, 3))
    assert [row.owner.submission_id for row in alike] == [*(row.id for row in rows[1:5]), rows[0].id, rows[-1].id]


async def test_sounds_of_a_round_are_found_by_prompt(pool: Pool, found: tuple[SubmissionId, SubmissionId]) -> None:
    """Those of the other submissions of a track, each standing for its original."""
    original, copy = found
    async with pool.connection() as connection:
        await connection.execute("update evaluations set track = 'small'")
        prompts = [row["prompt_id"] for row in await connection.fetch("select distinct prompt_id from samples order by 1")]
    copies, evaluation = NearCopies(pool), await EvaluationQueue(pool).page(submission=copy)
    spoken = await copies.spoken(evaluation[0].round, "small", original, prompts[:1])
    assert spoken == ()  # the copy's sounds stand for the very submission that asks
    spoken = await copies.spoken(evaluation[0].round, "small", SubmissionId(999), prompts[:1])
    assert {(row.owner.submission_id, row.prompt_id) for row in spoken} == {(original, prompts[0])}
    assert await copies.spoken(evaluation[0].round, "other", SubmissionId(999), prompts) == ()


async def test_a_released_one_is_never_set_aside_again(
    pool: Pool, found: tuple[SubmissionId, SubmissionId], verdict: Callable[..., Verdict]
) -> None:
    """It stands where it stood, and the next evaluation that finds the same changes nothing."""
    original, copy = found
    await Operations(pool).unquarantine(copy, **WHO)
    assert ((await Submissions(pool).get(copy)).state, (await Submissions(pool).get(copy)).reason) == (
        SubmissionState.SCORED,
        None,
    )
    await open_round_again(pool, copy)
    await EvaluationQueue(pool).finish(await take(pool), verdict(near=(a_near_copy(copy, original),)))
    assert await states(pool) == [SubmissionState.SCORED, SubmissionState.SCORED]
    row = await NearCopies(pool).get(copy)
    assert row is not None and row.decision is NearCopyDecision.RELEASED
    assert await replayed(pool) == ()


async def test_a_confirmed_one_is_a_copy(pool: Pool, found: tuple[SubmissionId, SubmissionId]) -> None:
    """Of the original that the worker found, for good."""
    original, copy = found
    await Operations(pool).confirm_copy(copy, **WHO)
    now = await Submissions(pool).get(copy)
    assert (now.state, now.code, now.copy_of, now.reason) == (SubmissionState.COPY, Code.COPY, original, "because")
    assert await NearCopies(pool).page(undecided=True) == ()
    with pytest.raises(PlatformError) as refused:
        await Operations(pool).confirm_copy(copy, **WHO)
    assert refused.value.code is Code.STATE_CONFLICT
    assert await replayed(pool) == ()


@pytest.mark.parametrize("set_aside", [True, False], ids=["set aside before", "found near afterwards"])
@pytest.mark.parametrize("decision", NearCopyDecision)
async def test_one_that_was_superseded_is_decided_too(
    pool: Pool,
    open_round: OpenRound,
    verdict: Callable[..., Verdict],
    new_submission: Callable[..., NewSubmission],
    decision: NearCopyDecision,
    set_aside: bool,
) -> None:
    """A king that committed again may reign by its old record: who is released is near nobody, and the operator's list gets shorter."""
    original, copy = await open_round(submissions=2)
    queue, copies, submissions = EvaluationQueue(pool), NearCopies(pool), Submissions(pool)
    stands, owner = await submissions.get(copy), await submissions.get(original)
    named = entrant(stands.hotkey, stands.commit_block)
    claims = [await take(pool), await take(pool)]
    await queue.finish(claims[0], verdict())
    later = new_submission(hotkey=stands.hotkey, public_key=stands.public_key, commit_block=Block(stands.commit_block + 1))
    if not set_aside:
        await submissions.add([later])
    await queue.finish(claims[1], verdict(near=(a_near_copy(copy, original, appeal=AT_ONCE),)))
    if set_aside:
        await submissions.add([later])
    near = [status.near_of for status in await submissions.statuses([named], None)]
    assert ((await submissions.get(copy)).state, near) == (
        SubmissionState.SUPERSEDED,
        [entrant(owner.hotkey, owner.commit_block)],
    )
    match decision:
        case NearCopyDecision.RELEASED:
            await Operations(pool).unquarantine(copy, **WHO)
        case NearCopyDecision.CONFIRMED:
            await Operations(pool).confirm_copy(copy, **WHO)
    now = [status.near_of for status in await submissions.statuses([named], None)]
    assert now == ([None] if decision is NearCopyDecision.RELEASED else near)
    asked = {candidate.id for candidate in await submissions.candidates([named])}
    assert (copy in asked) is (decision is NearCopyDecision.RELEASED), "a king that is released defends its place again"
    assert ((await submissions.get(copy)).state, await copies.page(undecided=True)) == (SubmissionState.SUPERSEDED, ())
    for again in (Operations(pool).unquarantine, Operations(pool).confirm_copy):
        with pytest.raises(PlatformError) as refused:
            await again(copy, **WHO)
        assert refused.value.code is Code.STATE_CONFLICT
    assert await replayed(pool) == ()


async def test_its_owner_has_time_to_object(pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict]) -> None:
    """No operator ends it as a copy before; releasing it needs no waiting. What was never found near is nobody's to confirm."""
    original, copy = await open_round(submissions=2)
    for near in ((), (a_near_copy(copy, original),)):
        await EvaluationQueue(pool).finish(await take(pool), verdict(near=near))
    with pytest.raises(PlatformError, match="may object until") as early:
        await Operations(pool).confirm_copy(copy, **WHO)
    with pytest.raises(PlatformError, match="was not set aside") as none:
        await Operations(pool).confirm_copy(original, **WHO)
    assert (early.value.code, none.value.code) == (Code.STATE_CONFLICT, Code.NOT_FOUND)
    await Operations(pool).unquarantine(copy, **WHO)
    assert await states(pool) == [SubmissionState.SCORED, SubmissionState.SCORED]


async def test_a_coldkey_is_known_for_good(pool: Pool) -> None:
    """Also when its hotkey is registered no more: what its owner commits again under another one is no copy. Of others nobody knows it."""
    registry, copies = Registry(pool), NearCopies(pool)
    assert await registry.replace(a_snapshot(1, gone="cold", kept="old"))
    assert await registry.replace(a_snapshot(2, kept="swapped"))
    assert [await copies.coldkey(Hotkey(name)) for name in ("gone", "kept", "nobody")] == ["cold", "swapped", None]


def a_snapshot(block: int, **coldkeys: str) -> RegistrySnapshot:
    """The registry at a block, of hotkeys and their coldkeys."""
    neurons = tuple(
        RegisteredNeuron(
            hotkey=Hotkey(hotkey), uid=Uid(uid), coldkey=coldkey, registered_at_block=Block(0), immune_until_block=Block(9)
        )
        for uid, (hotkey, coldkey) in enumerate(coldkeys.items())
    )
    return RegistrySnapshot(netuid=7, block=Block(block), block_hash=BlockHash(f"0x{block:064x}"), neurons=neurons)


def a_sketch(seed: int, moved: float = 0.0) -> Sketch:
    """A model's sketch by chance; moved a little it is one of a model that rewrites it."""
    tensors = {}
    for name in ("a", "b", "c", "d"):
        source = np.random.default_rng([seed, ord(name)])
        numbers = source.normal(size=PROJECTIONS) + moved * np.arange(PROJECTIONS)
        tensors[name] = TensorSketch(50_000, 1.0, numbers)
    return Sketch(tensors)


def sounds(seed: int) -> dict[str, Spoken]:
    """A model's answers by chance."""
    waves = np.random.default_rng(seed).normal(size=(8, 2000)) * 3000.0
    names = [f"p{number}" for number in range(8)]
    return {
        name: Spoken(prompt_id=name, rate=16_000, pcm=wave.astype("<i2").tobytes(), seconds=0.0)
        for name, wave in zip(names, waves, strict=True)
    }


def reported(spoken: dict[str, Spoken]) -> EvaluationReport:
    """A report on these sounds."""
    (sample, *_), (group, *_) = REPORT.samples, REPORT.groups
    samples = tuple(
        replace(sample, prompt_id=name, group_id=group.id, pcm_sha256=hashlib.sha256(said.pcm).hexdigest(), rate=said.rate)
        for name, said in spoken.items()
    )
    return replace(REPORT, samples=samples, groups=(group,))


@pytest.mark.parametrize(
    ("weights", "voice", "distance", "sound"),
    [
        pytest.param(a_sketch(1, 1e-5), 2, True, False, id="rewritten weights"),
        pytest.param(a_sketch(2), 1, False, True, id="another order of hidden units: the same sound"),
        pytest.param(a_sketch(2), 2, False, False, id="a model of its own"),
    ],
)
async def test_a_worker_finds_what_its_model_rewrites(
    pool: Pool,
    open_round: OpenRound,
    verdict: Callable[..., Verdict],
    tmp_path: Path,
    weights: Sketch,
    voice: int,
    distance: bool,
    sound: bool,
) -> None:
    """By the sketch that an earlier evaluation kept, or by the sounds of the same round in the store."""
    original, _ = await open_round(submissions=2)
    async with pool.connection() as connection:
        await connection.execute("update submissions set commit_block = 99 where id = $1", original)
    store, queue = EvidenceStore(FolderFiles(tmp_path)), EvaluationQueue(pool)
    for said in sounds(1).values():
        store.keep_audio(said)
    kept = SketchRecord(1, bands(a_sketch(1), ()), a_sketch(1).to_bytes())
    await queue.finish(await take(pool), verdict(sketch=kept, report=reported(sounds(1)), track="small"))
    claim = await take(pool)
    hub = Hub("http://127.0.0.1:9", tmp_path / "models")
    lineage = StoredLineage(Submissions(pool), NearCopies(pool), store, asyncio.get_running_loop(), lambda: False, hub=hub)
    judged = JudgedModel(
        claim=claim,
        competition=RULES,
        track="small",
        folder=tmp_path,
        key=await asyncio.to_thread(lineage.key),
        sketch=weights,
        bases=(),
        spoken=sounds(voice),
    )
    record, near = await asyncio.to_thread(lineage.near, judged)
    assert record == SketchRecord(1, bands(weights, ()), weights.to_bytes())
    assert [order.original_id for order in near] == ([original] if distance or sound else [])
    for order in near:
        assert (order.submission_id, order.found.is_near(RULES.copies)) == (claim.submission_id, True)
        assert ((order.found.distance or 0) <= RULES.copies.distance * 1e9, (order.found.sound or 0) == 1_000_000) == (
            distance,
            sound,
        )
    await queue.finish(claim, verdict(sketch=record, near=near, report=reported(sounds(voice)), track="small"))
    assert (await states(pool))[1] is (SubmissionState.QUARANTINED if near else SubmissionState.SCORED)


def a_model(folder: Path, *changes: tuple[int, float]) -> Path:
    """A folder with the base's weights and changes by chance: seed and strength."""
    folder.mkdir(parents=True)
    draws = [(np.random.default_rng(0), 1.0), *((np.random.default_rng(seed), strength) for seed, strength in changes)]
    tensors = {
        f"layer.{place}.weight": np.sum([strength * draw.normal(size=(64, 48)) for draw, strength in draws], axis=0).astype(
            np.float32
        )
        for place in range(10)
    }
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "none"}', encoding="ascii")
    return folder


@pytest.mark.parametrize(
    ("changes", "is_near"),
    [
        pytest.param(((1, 0.01), (7, 0.01)), True, id="as much noise as was learnt: far by sketches"),
        pytest.param(((2, 0.01),), False, id="a training of its own"),
    ],
)
async def test_the_files_of_a_tracks_best_are_compared(
    pool: Pool,
    open_round: OpenRound,
    verdict: Callable[..., Verdict],
    tmp_path: Path,
    changes: tuple[tuple[int, float], ...],
    is_near: bool,
) -> None:
    """Where the worker's cache holds them, whatever their sketches say."""
    original, _ = await open_round(submissions=2)
    async with pool.connection() as connection:
        await connection.execute("update submissions set commit_block = 99 where id = $1", original)
        repo = await connection.fetchval("select repo from submissions where id = $1", original)
        revision = await connection.fetchval("select revision from submissions where id = $1", original)
    queue, store = EvaluationQueue(pool), EvidenceStore(FolderFiles(tmp_path / "store"))
    await queue.finish(await take(pool), verdict(track="small"))
    claim = await take(pool)
    hub = Hub("http://127.0.0.1:9", tmp_path / "models")
    lineage = StoredLineage(Submissions(pool), NearCopies(pool), store, asyncio.get_running_loop(), lambda: False, hub=hub)
    key = await asyncio.to_thread(lineage.key)
    base = a_model(tmp_path / "base")
    a_model(tmp_path / "models" / repo / revision, (1, 0.01))
    mine = a_model(tmp_path / "mine", *changes)
    judged = JudgedModel(
        claim=claim,
        competition=RULES,
        track="small",
        folder=mine,
        key=key,
        sketch=sketch(mine, key, NO_PROGRESS),
        bases=(SketchedBase(base_of(base, key, NO_PROGRESS), base),),
        spoken=sounds(3),
    )
    record, near = await asyncio.to_thread(lineage.near, judged)
    assert [(order.original_id, order.found.by_files) for order in near] == ([(original, True)] if is_near else [])
    await queue.finish(claim, verdict(sketch=record, near=near, track="small"))
    found = await NearCopies(pool).page()
    assert [(row.by_files, row.most_distance) for row in found] == ([(True, 44_000_000)] if is_near else [])
    leading = await NearCopies(pool).leading(claim.round, "small", SubmissionId(999), key.id)
    assert [row.owner.submission_id for row in leading] == ([original] if is_near else [original, claim.submission_id])
