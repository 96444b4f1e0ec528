"""The track of described voices as a subnet's owner begins it: pinned, admitted, and then in rounds beside the other one."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from safetensors.numpy import save
from typer.testing import CliRunner

from neurons.chain.adapter import Chain
from neurons.cli.family.commands import app as family
from neurons.cli.scoring.commands import app as scoring
from neurons.cli.scoring.simulate import app as simulate
from neurons.localnet.repositories import publish
from neurons.validator import daemon as validator
from neurons.validator.evidence import OwnEvidence
from neurons.validator.follow.tracks import FollowedTracks
from neurons.validator.weights import decision
from neurons.validator.weights.what_if import supposed
from prompts.groups import GroupKind
from scoring.competition import Schedule, load
from scoring.described import described
from scoring.synthesis.qwen3_tts import tiny as tiny_qwen
from scoring.types import Block, Hotkey, RoundNumber
from scoring.weights.plan import plan
from tests.builders import snac_voices
from tests.builders.ledger import attempts_of
from tests.integration.conftest import LEASE
from tests.integration.hub_thread import hub_over
from tests.integration.test_two_tracks import SCORES, explain
from voice_api.db.audits import Audits
from voice_api.db.database import open_pool
from voice_api.db.ledger import LedgerEntry
from voice_api.db.migrate import upgrade
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import QueueName
from voice_api.db.submissions import NewSubmission

if TYPE_CHECKING:
    from typer import Typer

    from tests.integration.conftest import ValidatorBed

CPU, GPU = QueueName.CPU, QueueName.GPU
BEGINS = RoundNumber(3)
HEARERS = {Hotkey("h4"): "llama_snac", Hotkey("h5"): "qwen3_tts"}
QWEN_DECODER = {**tiny_qwen.DECODER, "upsample_rates": [8, 5, 4, 3], "upsampling_ratios": [2, 2]}
QWEN_CODEC = {"decoder_config": QWEN_DECODER, "output_sample_rate": 24_000, "decode_upsample_rate": 1_920}
Seen = list[tuple[int, str, QueueName]]


def says(app: "Typer", *arguments: str) -> str:
    """What a command prints."""
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def publish_codecs(hub: Path, folder: Path) -> None:
    """A tiny codec of each family, in the repository `parts/FAMILY`; of that of Qwen only the sizes are looked at before it speaks."""
    snac_voices.publish_codec(hub, folder / "snac", "parts/llama_snac")
    qwen = folder / "qwen"
    qwen.mkdir()
    (qwen / "config.json").write_text(json.dumps(QWEN_CODEC), encoding="utf-8")
    (qwen / "README.md").write_text(snac_voices.CARD, encoding="utf-8")
    (qwen / "model.safetensors").write_bytes(save({"unread": np.zeros(1, np.float32)}))
    publish(hub, "parts/qwen3_tts", qwen)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands write where a hub on loopback holds the codecs."""
    folder = tmp_path_factory.mktemp("rules")
    files = []
    publish_codecs(folder / "hub", folder)
    with hub_over(folder / "hub") as url:
        for name in described().families:
            place = ("--hub", url, "--cache", str(folder / "cache"), "--out", str(folder / f"{name}.toml"))
            assert "`voice family admit --parts" in says(family, "pin", name, "--repo", f"codec=parts/{name}", *place)
            files += ["--parts", str(folder / f"{name}.toml")]
    says(family, "admit", "--from-round", str(BEGINS), "--out", str(folder / "competition.toml"), *files)
    return folder / "competition.toml"


@pytest.fixture
async def both(stack: "ValidatorBed", rules: Path, new_submission: Callable[..., NewSubmission]) -> "ValidatorBed":
    """A validator with two miners of each track; those of the new one committed before it begins."""
    return await of_both(stack, load(rules), new_submission)


async def of_both(bed: "ValidatorBed", schedule: Schedule, new_submission: Callable[..., NewSubmission]) -> "ValidatorBed":
    """The same validator under these rules, and in its database what its miners committed."""
    bed.schedule, bed.families = schedule, HEARERS
    bed.chain.miners = tuple(SCORES)
    blocks = {hotkey: 800 + n if Hotkey(hotkey) in HEARERS else 100 + n for n, hotkey in enumerate(SCORES)}
    await bed.store.submissions.add(
        [new_submission(hotkey=Hotkey(hotkey), commit_block=Block(block)) for hotkey, block in blocks.items()]
    )
    return bed


async def judge(bed: "ValidatorBed", queues: Sequence[QueueName]) -> Seen:
    """Workers of these queues judge all that is due, and send on what is another's; who was seen by which of them."""
    seen, queue = Seen(), EvaluationQueue(bed.pool)
    for name in queues:
        while claim := await queue.claim(name, "w1", LEASE):
            seen.append((claim.round, claim.hotkey, name))
            of_family = bed.families.get(claim.hotkey, "vits")
            track = bed.schedule.at(claim.round).track_of(of_family)
            if QueueName.of(track.synthesis.device) is name:
                await queue.finish(claim, bed.verdict(claim, SCORES[claim.hotkey]))
            else:
                await queue.move(claim, of_family, track.name, QueueName.of(track.synthesis.device))
    return seen


async def play(bed: "ValidatorBed", number: int, queues: Sequence[QueueName], followed: FollowedTracks | None = None) -> Seen:
    """A round from opening to the ledger."""
    bed.chain.block = 360 * number + 5

    async def all_ticks() -> None:
        while await validator.tick(cast(Chain, bed.chain), bed.store, bed.identity, bed.schedule, followed):
            pass

    await all_ticks()
    seen = await judge(bed, queues)
    await all_ticks()
    return seen


async def head_of(bed: "ValidatorBed") -> LedgerEntry:
    """Its ledger's last entry."""
    head = await bed.store.ledger.head()
    assert head is not None
    return head


async def test_both_tracks_run_beside_each_other(
    both: "ValidatorBed", empty_database_url: str, new_submission: Callable[..., NewSubmission]
) -> None:
    """Kings of both, all kinds of groups, the queue of cards, one vector; and one without a card folds the other's evidence."""
    await upgrade(empty_database_url)
    async with open_pool(empty_database_url, application="follower", size=4) as pool:
        alone = await of_both(replace(both, pool=pool), both.schedule, new_submission)
        theirs = OwnEvidence(both.store.rounds)
        beside = FollowedTracks(theirs=theirs, own=frozenset({"small"}), audits=Audits(pool, both.hotkey), rate=0.0)
        seen = Seen()
        for number in range(BEGINS, BEGINS + 3):
            seen += await play(both, number, (CPU, GPU))
            assert all(queue is CPU for *_, queue in await play(alone, number, (CPU,), beside))
        head, other = await head_of(both), await head_of(alone)
    assert [queue for number, hotkey, queue in seen if (number, hotkey) == (BEGINS, "h4")] == [CPU, GPU]
    assert [queue for number, hotkey, queue in seen if (number, hotkey) == (BEGINS + 1, "h4")] == [GPU]
    assert dict(head.kings) == dict(other.kings) == {"described": "h4@802", "small": "h3@101"}
    assert head.state.of("described") == other.state.of("described")
    track = both.schedule.at(BEGINS).named("described")
    (round_,) = await both.store.rounds.page(RoundNumber(BEGINS - 1), 1)
    kinds = Counter(group.kind for group in track.groups(round_.block_hash))
    results = await both.store.rounds.results(BEGINS)
    assert {result.track: len(result.groups) for result in results} == {"small": 32, "described": kinds.total()}
    assert kinds == {GroupKind.SINGLE: 20, GroupKind.COUNTERFACTUAL: 8, GroupKind.VOICE: 4}
    await it_is_paid_and_explained(both, head)


async def it_is_paid_and_explained(bed: "ValidatorBed", head: LedgerEntry) -> None:
    """Each king has its track's share; who asks why, and what if, is answered by track."""
    await bed.set_weights()
    (sent,) = await attempts_of(bed.store.weights)
    assert sent.plan.vector == pytest.approx({3: 0.7, 4: 0.3})
    told = await explain(bed, head)
    assert {uid: [(each["track"], each["king"]) for each in told[uid]["tracks"]] for uid in (4, 5)} == {
        4: [("described", True)],
        5: [("described", False)],
    }
    found = decision.snapshot(await bed.chain.metagraph(), head, bed.schedule)
    better = plan(supposed(found, Hotkey("h5"), 0.99, bed.schedule.at(head.round).named("described")))
    assert better.vector == pytest.approx({3: 0.7, 5: 0.3})


def test_commands_answer_for_the_track(rules: Path) -> None:
    """The highest score that its rules let anybody reach, and a round's prompts with what each asks of the voice."""
    place = ("--competition", str(rules), "--track", "described", "--json")
    assert json.loads(says(simulate, "ceiling", *place)) == {"computed": 1.0, "stated": 1.0}
    round_ = json.loads(says(scoring, "prompts", "--seed", "ab" * 32, *place))
    asked = round_["prompts"]
    assert (round_["track"], len(asked), all(prompt["voice"]["register"] for prompt in asked)) == ("described", 44, True)
    assert "44 prompts of the track described, about " in says(scoring, "prompts", "--seed", "ab" * 32, *place[:-1])
