"""`voice miner publish`, `commit` and `reveal` on a development chain and a local hub: they say what they do, ask, and look first."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from safetensors.numpy import load_file, save_file

from neurons.localnet.network import COMPETITION
from scoring.errors import Code
from tests.builders.command_line import Ended, voice
from tests.integration import mining_bed
from tests.integration.hub_thread import hub_over
from tests.integration.mining_bed import NETUID, TOKEN, Bed, add_checkpoint


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """One chain and one hub for all miners."""
    folder = tmp_path_factory.mktemp("by-hand")
    (folder / "hub").mkdir()
    with hub_over(folder / "hub") as url:
        yield mining_bed.make(folder, url)


@pytest.fixture
def model(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A model of this test's own."""
    return add_checkpoint(tmp_path / "models", "mine", seed=abs(hash(request.node.name)) % 10_000)


def run(bed: Bed, name: str, *arguments: str) -> Ended:
    """Run `voice miner …` as a miner."""
    environment = {
        "BT_NETWORK": "dev",
        "VOICE_NETUID": str(NETUID),
        "VOICE_DEVCHAIN": str(bed.chain),
        "VOICE_COMPETITION": str(COMPETITION),
        "VOICE_API_URL": bed.api,
        "HF_ENDPOINT": bed.hub,
        "HF_TOKEN": TOKEN,
        "BT_WALLET": name,
    }
    return voice(bed.folder, "miner", *arguments, **environment)


def refused(ended: Ended, code: Code, *words: str) -> bool:
    """Whether it ended with this code, and said these words."""
    said = " ".join(ended.stderr.split())
    return (ended.returncode, f"error {int(code)} " in said, [word for word in words if word not in said]) == (1, True, [])


def upload(bed: Bed, name: str, folder: Path, *options: str) -> str:
    """Publish a folder; its revision."""
    ended = run(bed, name, "publish", str(folder), "--repo", f"{name}/voice", "--yes", *options)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_from_folder_to_public_in_three_commands(bed: Bed, model: Path) -> None:
    """Private first, then committed with its cost told, then shown; standard output has the answers alone."""
    bed.wallet("alice")
    ended = run(bed, "alice", "publish", str(model), "--repo", "alice/voice", "--yes")
    revision = ended.stdout.strip()
    assert (ended.returncode, len(revision), bed.is_private("alice/voice")) == (0, 40, True)
    assert "seen by nobody but you" in ended.stderr
    assert f"{sum(path.stat().st_size for path in model.iterdir()):,} bytes" in ended.stderr
    done = run(bed, "alice", "commit", str(model), "--repo", "alice/voice", "--revision", revision, "-y")
    assert (done.returncode, done.stdout.startswith("committed in block ")) == (0, True), done.stderr
    for words in ("Fee 0.0", "No other commitment of this hotkey is judged for ", "alice/voice is private: reveal it"):
        assert words in done.stderr
    assert bed.commits("alice") == 1
    assert run(bed, "alice", "reveal", "alice/voice").stdout == "alice/voice is public\n"
    assert not bed.is_private("alice/voice")


def test_a_dry_run_does_nothing(bed: Bed, model: Path) -> None:
    """It says the same as data, and neither uploads nor signs."""
    bed.wallet("bob")
    told = json.loads(run(bed, "bob", "publish", str(model), "--repo", "bob/voice", "--dry-run", "--json").stdout)
    assert (told["revision"], told["uploaded"], told["dry_run"], bed.repositories("bob")) == (None, False, True, [])
    revision = upload(bed, "bob", model)
    ended = run(bed, "bob", "commit", str(model), "--repo", "bob/voice", "--revision", revision, "--dry-run", "--json")
    told = json.loads(ended.stdout)
    assert (told["block"], told["private"], told["repo"], told["revision"]) == (None, True, "bob/voice", revision)
    assert {"fee_rao", "balance_rao", "cooldown_blocks", "may_commit", "commitment"} <= told.keys()
    assert bed.commits("bob") == 0


def test_what_lies_there_is_not_uploaded_again(bed: Bed, model: Path) -> None:
    """The same folder is published once; its revision is said again, and nobody is asked."""
    bed.wallet("carol")
    revision = upload(bed, "carol", model)
    again = run(bed, "carol", "publish", str(model), "--repo", "carol/voice", "--json")
    assert json.loads(again.stdout) == json.loads(again.stdout) | {"revision": revision, "uploaded": False}
    assert "nothing is uploaded" in again.stderr


def test_nobody_is_waited_for_without_a_terminal(bed: Bed, model: Path) -> None:
    """Without --yes each ends at once with a code and what to give, and has done nothing."""
    bed.wallet("dora")
    assert refused(run(bed, "dora", "publish", str(model), "--repo", "dora/voice"), Code.ARGUMENT_INVALID, "--yes", "--dry-run")
    assert bed.repositories("dora") == []
    revision = upload(bed, "dora", model)
    ended = run(bed, "dora", "commit", str(model), "--repo", "dora/voice", "--revision", revision)
    assert refused(ended, Code.ARGUMENT_INVALID, "--yes")
    assert bed.commits("dora") == 0


@pytest.mark.parametrize(("answer", "status", "commits"), [("y", 0, 1), ("n", 130, 0), ("", 130, 0)])
def test_whoever_sits_at_a_terminal_is_asked(bed: Bed, model: Path, answer: str, status: int, commits: int) -> None:
    """Only a yes goes on."""
    name = f"asked{answer or 'nothing'}"
    bed.wallet(name)
    revision = upload(bed, name, model)
    ours, theirs = os.openpty()
    os.write(ours, f"{answer}\n".encode())
    with os.fdopen(theirs, "r", encoding="ascii") as terminal, mock.patch("sys.stdin", terminal):
        ended = run(bed, name, "commit", str(model), "--repo", f"{name}/voice", "--revision", revision)
    os.close(ours)
    assert (ended.returncode, bed.commits(name)) == (status, commits), ended.stderr


def test_a_revision_that_the_hub_does_not_have_is_not_committed(bed: Bed, model: Path) -> None:
    """Nor one that holds another model: the fee and the cooldown would be spent for nothing."""
    bed.wallet("erin")
    missing = run(bed, "erin", "commit", str(model), "--repo", "erin/voice", "--revision", "0" * 40, "--yes")
    assert refused(missing, Code.PUBLISHING_FAILED, "erin/voice", "voice miner publish")
    revision = upload(bed, "erin", model)
    weights = load_file(model / "model.safetensors")
    save_file({**weights, "word_gap": weights["word_gap"] + 1}, model / "model.safetensors")
    other = run(bed, "erin", "commit", str(model), "--repo", "erin/voice", "--revision", revision, "--yes")
    assert refused(other, Code.PUBLISHING_FAILED, "something else")
    assert bed.commits("erin") == 0


def test_what_is_public_is_said_to_be_so(bed: Bed, model: Path) -> None:
    """It is published publicly only when asked; then committing warns, and nothing is uploaded into it unasked."""
    bed.wallet("fred")
    revision = upload(bed, "fred", model, "--public")
    assert not bed.is_private("fred/voice")
    ended = run(bed, "fred", "commit", str(model), "--repo", "fred/voice", "--revision", revision, "--dry-run")
    assert "public already" in ended.stderr
    assert refused(run(bed, "fred", "publish", str(model), "--repo", "fred/voice", "--yes"), Code.PUBLISHING_FAILED, "--public")


def test_a_commitment_that_would_be_refused_is_not_signed(bed: Bed, model: Path) -> None:
    """Inside the cooldown, with the block from which on it may; and by a hotkey that is not registered."""
    bed.wallet("gina")
    revision = upload(bed, "gina", model)
    arguments = ("commit", str(model), "--repo", "gina/voice", "--revision", revision, "--yes")
    assert run(bed, "gina", *arguments).returncode == 0
    time.sleep(0.5)
    assert refused(run(bed, "gina", *arguments), Code.TOO_EARLY, "may commit from block")
    assert bed.commits("gina") == 1
    bed.wallet("hugo", registered=False)
    revision = upload(bed, "hugo", model)
    ended = run(bed, "hugo", "commit", str(model), "--repo", "hugo/voice", "--revision", revision, "--yes")
    assert refused(ended, Code.CHAIN_REFUSED, "not registered")
