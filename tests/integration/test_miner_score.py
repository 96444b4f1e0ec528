"""`voice miner score` says what a worker's verdict says, to the last digit."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import uvicorn
from bittensor.sp_core import Keypair

from neurons.devchain import operations
from neurons.localnet import repositories
from neurons.localnet.hub_server import create_hub
from neurons.localnet.network import COMPETITION
from neurons.localnet.services import pick_port
from scoring.competition import load
from scoring.errors import Code
from scoring.model.fingerprint import fingerprint, tag_of
from scoring.progress import NO_PROGRESS
from scoring.report import EvaluationReport
from scoring.types import Block, BlockHash, Hotkey, PublicKey, RoundNumber
from tests.builders import command_line, espeak_voices
from tests.builders.verdicts import NobodyBefore, self_certified
from tests.builders.workers import a_claim
from voice_api.db.evaluations import Verdict
from workers.evaluation.audio_store import read_receipt
from workers.evaluation.evaluate import Assignment, evaluate
from workers.evaluation.tools import open_tools

PLAN = "single = 1\ncounterfactual = 0\nvoice = 1"
ROUND = RoundNumber(2)
OWNER = Keypair.create_from_seed(bytes(32))
PUBLIC_KEY = PublicKey(bytes(range(32)).hex())


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder with a hub, a chain that has lasted some rounds, and a model on the hub."""

    folder: Path
    hub: str
    chain: Path
    rules: Path
    model: Path
    revision: str

    @property
    def block_hash(self) -> BlockHash:
        """Of the first block of the round."""
        first = ROUND * load(self.rules).round_blocks
        newest = operations.blocks(self.chain, 10_000)
        return next(block.hash for block in newest if block.number == first)

    @property
    def environment(self) -> dict[str, str]:
        """Of a command: hub, chain and rules."""
        return {"HF_ENDPOINT": self.hub, "VOICE_DEVCHAIN": str(self.chain), "VOICE_COMPETITION": str(self.rules)}

    def score_here(self, *arguments: str) -> command_line.Ended:
        """Run `voice miner score` inside the test's process, which needs no interpreter and no imports for what fails at once."""
        return command_line.voice(self.folder, "miner", "score", *arguments, "--network", "dev", **self.environment)

    def score(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it in another process, with nothing else in its environment."""
        return subprocess.run(
            [sys.executable, "-m", "neurons.cli", "miner", "score", *arguments, "--network", "dev"],
            cwd=self.folder,
            env={"PATH": os.defpath, "COLUMNS": "100", "VOICE_API_URL": "http://127.0.0.1:9", **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The demo's worse voice on a local hub; a small round; a chain that began some rounds ago."""
    folder = tmp_path_factory.mktemp("score")
    model = espeak_voices.build(folder / "models")["worse"]
    revision = repositories.publish(folder / "hub", "worse/voice", model)
    chain, rules = folder / "chain.sqlite", folder / "competition.toml"
    text = COMPETITION.read_text(encoding="utf-8")
    rules.write_text(text.replace("single = 5\ncounterfactual = 0\nvoice = 1", PLAN), encoding="utf-8")
    address = str(OWNER.ss58_address)
    began = time.time() - (ROUND + 1) * load(rules).round_blocks
    operations.create(
        chain, netuid=1, block_seconds=1.0, owner_coldkey=address, owner_hotkey=Hotkey(address), clock=lambda: began
    )
    port = pick_port(None)
    server = uvicorn.Server(uvicorn.Config(create_hub(folder / "hub"), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    url = f"http://127.0.0.1:{port}"
    yield Place(folder=folder, hub=url, chain=chain, rules=rules, model=model, revision=revision)
    server.should_exit = True
    thread.join()


def worked(place: Place, store: Path) -> Verdict:
    """What the worker's own path finds, with all it does around judging."""
    tag = tag_of(fingerprint(place.model, NO_PROGRESS).content, PUBLIC_KEY)
    rules = load(place.rules).at(ROUND)
    claim = a_claim(
        public_key=PUBLIC_KEY,
        commit_block=Block(1),
        repo="worse/voice",
        revision=place.revision,
        tag=tag,
        round=ROUND,
        block_hash=place.block_hash,
        competition_hash=rules.hash,
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the worker's process does
    try:
        assignment = Assignment(claim, rules, self_certified(store))
        return evaluate(assignment, open_tools(place.hub, store / "data"), NobodyBefore(), NO_PROGRESS)
    finally:
        torch.set_num_threads(threads)


def numbers(report: EvaluationReport) -> dict[str, Any]:
    """Everything but the time that it took, as JSON gives it back."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(report)))
    for sample in plain["samples"]:
        del sample["seconds"]
    return plain


def test_it_equals_the_worker_to_the_last_digit(place: Place, tmp_path: Path) -> None:
    """The same repository in the same round: every metric, utility, score and PCM, from a process of its own; and every sound kept."""
    verdict = worked(place, tmp_path)
    done = place.score(f"worse/voice@{place.revision}", "--round", str(ROUND), "--json", "--out", str(tmp_path / "out"))
    assert (done.returncode, verdict.report is not None) == (0, True), done.stderr
    assert verdict.report is not None
    expected, found = numbers(verdict.report), json.loads(done.stdout)
    own = {"samples": [{name: sample[name] for name in expected["samples"][0]} for sample in found["samples"]]}
    assert {name: found[name] for name in expected} | own == expected
    receipt = read_receipt(tmp_path / "receipts" / f"{verdict.receipt_hash}.json").receipt
    same = ("round", "block_hash", "competition_hash", "content_hash", "score", "stderr", "profile_hash")
    assert {name: found[name] for name in same} == {name: receipt[name] for name in same}
    assert all(sample["heard"] and not sample["reason"] for sample in found["samples"])
    assert json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8")) == found
    for sample in found["samples"]:
        with wave.open(str(tmp_path / "out" / f"{sample['prompt_id']}.wav")) as file:
            assert hashlib.sha256(file.readframes(file.getnframes())).hexdigest() == sample["pcm_sha256"]
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (sample["rate"], 1, 2)


def test_people_get_a_table_and_reasons(place: Place, tmp_path: Path) -> None:
    """A folder and a block: the round that it lies in, each prompt with its voice and score, and why the worst are the worst."""
    two = place.folder / "two.toml"
    two.write_text(
        place.rules.read_text(encoding="utf-8").replace(PLAN, "single = 2\ncounterfactual = 0\nvoice = 0"), encoding="utf-8"
    )
    block = ROUND * load(two).round_blocks + 3
    page = tmp_path / "report.html"
    done = replace(place, rules=two).score(str(place.model), "--block", str(block), "--report", str(page))
    assert done.returncode == 0, done.stderr
    (heading,) = [line for line in done.stdout.splitlines() if "naturalness" in line and "score" in line]
    rules = load(two).at(ROUND).track[0]
    assert [factor for factor in rules.factors if factor not in heading.split()] == []
    assert len(heading) <= 100
    assert "the king's score is not known" in done.stdout
    assert page.read_text(encoding="utf-8").count("<audio") == 2
    assert f"round {ROUND}, block hash {place.block_hash}" in done.stdout
    assert ["g00.a" in done.stdout, "g01.a" in done.stdout, "g02.a" in done.stdout] == [True, True, False]
    asked = [group.prompts[0] for group in load(two).at(ROUND).track[0].groups(place.block_hash)]
    assert all(words[:9] in done.stdout for prompt in asked for words in (prompt.text, prompt.description) if words)
    assert "(human " in done.stdout
    assert "judge" in done.stderr  # its bar


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param("worse/voice", Code.ARGUMENT_INVALID, "worse/voice@<40 hex digits>", id="no revision"),
        pytest.param("nowhere", Code.ARGUMENT_INVALID, "There is no folder nowhere", id="no folder"),
        pytest.param("models/worse --round 1000000000", Code.ARGUMENT_INVALID, "newest finalized", id="a round to come"),
        pytest.param("models/worse --round 1 --block 3", Code.ARGUMENT_INVALID, "one of them", id="two rounds"),
        pytest.param("models/worse --report page.txt", Code.ARGUMENT_INVALID, ".html", id="a page that is none"),
        pytest.param("models/worse --report no/page.html", Code.ARGUMENT_INVALID, "no folder no", id="a page without a folder"),
        pytest.param("models/pickle", Code.FILE_NOT_ALLOWED, "pytorch_model.bin", id="a model that is refused"),
    ],
)
def test_what_cannot_be_scored_is_one_line(place: Place, arguments: str, code: Code, words: str) -> None:
    """With the code that a validator would record."""
    done = place.score_here(*arguments.split())
    errors = [line for line in done.stderr.splitlines() if line.startswith("error ")]
    assert (done.returncode, done.stdout, len(errors)) == (1, "", 1)
    assert errors[0].startswith(f"error {code} ")
    assert words in errors[0]
