"""What a round asked, and beside each sample what was asked, through the API's client."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest

from neurons.api_client.client import VoiceApi
from scoring.audio.spoken import Spoken
from scoring.competition import load
from scoring.receipts.store import audio_name
from scoring.store.folder import FolderFiles
from scoring.types import BlockHash, EvaluationId, RoundNumber, SubmissionId
from voice_api.db.database import Pool
from voice_api.db.queue import EvaluationQueue
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import QueueName
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.schemas.prompts import PromptOut
from voice_api.settings import ApiSettings
from voice_api.web.sample_view import stored_seconds
from workers.evaluation.audio_store import EvidenceStore

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

API = "http://voice.test"
RULES = load().at(RoundNumber(3))
TRACK = RULES.named("small")
HASH = BlockHash("0x" + "5e" * 32)
ASKED = tuple(PromptOut.of(group, prompt) for group in TRACK.groups(HASH) for prompt in group.prompts)


@pytest.fixture
async def api(
    serve: Callable[[ApiSettings], Awaitable[httpx.ASGITransport]], api_settings: Callable[..., ApiSettings], tmp_path: Path
) -> AsyncIterator[VoiceApi]:
    """The client of somebody who reads, of an API beside a store of its own."""
    async with VoiceApi(API, transport=await serve(api_settings(store_place=tmp_path))) as client:
        yield client


@pytest.fixture
def judged(
    pool: Pool, stack: "ValidatorBed", new_submission: Callable[..., NewSubmission], new_round: Callable[..., NewRound]
) -> Callable[..., Awaitable[EvaluationId]]:
    """Open round 3 under some rules, and judge one submission on its prompts; the first sample's audio, if given, is `pcm`'s."""

    async def build(competition_hash: str, pcm: str = "") -> EvaluationId:
        (key,) = await Submissions(pool).add([new_submission()])
        opened = new_round(3, block_hash=HASH, competition_hash=competition_hash)
        assert await Rounds(pool).open(opened, [RoundEntry(SubmissionId(key), "small", QueueName.CPU, 0)])
        claim = await stack.claim()
        verdict = stack.verdict(claim, 700_000)
        assert verdict.report
        first, *rest = verdict.report.samples
        samples = (replace(first, pcm_sha256=pcm or first.pcm_sha256), *rest)
        await EvaluationQueue(pool).finish(claim, replace(verdict, report=replace(verdict.report, samples=samples)))
        return claim.evaluation_id

    return build


async def test_a_round_tells_what_it_asked(api: VoiceApi, judged: Callable[..., Awaitable[EvaluationId]]) -> None:
    """Each track's prompts in the round's own order, as anybody draws them from its block hash."""
    await judged(RULES.hash)
    told = await api.prompts(RoundNumber(3))
    assert (told.block_hash, told.competition_hash) == (HASH, RULES.hash)
    assert [(each.track, each.why) for each in told.tracks] == [(track.name, "") for track in RULES.track]
    assert told.tracks[0].prompts == ASKED


async def test_a_sample_tells_what_was_asked_and_how_long_its_clip_is(
    api: VoiceApi, judged: Callable[..., Awaitable[EvaluationId]], tmp_path: Path
) -> None:
    """By its evaluation and by its receipt; one whose audio is not stored has no length."""
    spoken = Spoken(prompt_id="p1", rate=24_000, pcm=np.arange(36_000, dtype="<i2").tobytes(), seconds=0.1)
    EvidenceStore(FolderFiles(tmp_path)).keep_audio(spoken)
    evaluation = await judged(RULES.hash, hashlib.sha256(spoken.pcm).hexdigest())
    first, *rest = await api.samples(evaluation)
    assert [each.prompt for each in (first, *rest)] == list(ASKED)
    assert (first.clip_seconds, first.why, {each.clip_seconds for each in rest}) == (1.5, "", {None})
    receipt = (await api.evaluation(evaluation)).receipt_hash
    assert receipt and await api.receipt_samples(receipt) == [first, *rest]


async def test_under_rules_that_are_not_ours_it_says_so(api: VoiceApi, judged: Callable[..., Awaitable[EvaluationId]]) -> None:
    """Nobody is shown a text that was not asked."""
    evaluation = await judged("c0" * 32)
    samples = await api.samples(evaluation)
    why = "the round was opened under other rules (c0c0c0c0c0c0…) than this API has"
    assert {(each.prompt, each.why) for each in samples} == {(None, why)}
    assert {(each.prompts, each.why) for each in (await api.prompts(RoundNumber(3))).tracks} == {((), why)}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"fLaC", id="cut off"),
        pytest.param(b"RIFF" + bytes(40), id="no FLAC"),
        pytest.param(b"fLaC\x04" + bytes(40), id="another block first"),
        pytest.param(b"fLaC\x00" + bytes(40), id="no rate"),
    ],
)
def test_a_file_that_tells_no_length(tmp_path: Path, content: bytes) -> None:
    """It has none."""
    files = FolderFiles(tmp_path)
    files.write(audio_name("ab" * 32), content)
    assert stored_seconds(files, "ab" * 32) is None
