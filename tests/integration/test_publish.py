"""The miner's publish step, with the real client against the local hub."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from neurons.localnet import repositories
from neurons.localnet.services import pick_port
from neurons.miner.hub import ModelHub, Remote, publish
from scoring.errors import Code, PlatformError, SubmissionFault
from scoring.progress import NO_PROGRESS
from tests.builders import espeak_voices
from tests.integration.hub_thread import hub_over
from workers.hub.client import Hub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """A local hub over an empty folder, on a free port."""
    (tmp_path / "hub").mkdir()
    with hub_over(tmp_path / "hub") as url:
        yield url


def test_what_is_published_is_what_a_worker_fetches(hub: str, tmp_path: Path) -> None:
    """The revision is made from the content, and the checked download equals the folder."""
    folder = espeak_voices.build(tmp_path / "models")["clear"]
    revision = publish(folder, "lab/voice", hub, None, private=False)
    assert revision == repositories.publish(tmp_path / "elsewhere", "lab/voice", folder)
    client = Hub(hub, tmp_path / "cache")
    fetched = client.download(client.describe("lab/voice", revision), NO_PROGRESS)
    assert {path.name: path.read_bytes() for path in fetched.iterdir()} == {p.name: p.read_bytes() for p in folder.iterdir()}


def test_an_unreachable_hub_is_one_clear_error(tmp_path: Path) -> None:
    """Nobody listens there: the error names the hub and the repository."""
    folder = espeak_voices.build(tmp_path / "models")["clear"]
    endpoint = f"http://127.0.0.1:{pick_port(None)}"
    with pytest.raises(PlatformError, match="did not take lab/voice") as caught:
        publish(folder, "lab/voice", endpoint, None, private=False)
    assert caught.value.code is Code.PUBLISHING_FAILED


def test_what_is_private_is_seen_by_its_owner_alone_until_it_is_shown(hub: str, tmp_path: Path) -> None:
    """Not by a worker, not by another login, not in the list; a hub that starts anew keeps it so."""
    folder = espeak_voices.build(tmp_path / "models")["clear"]
    revision = publish(folder, "lab/voice", hub, "hf_mine", private=True)
    owner, other, worker = ModelHub(hub, "hf_mine"), ModelHub(hub, "hf_other"), Hub(hub, tmp_path / "cache")
    with hub_over(tmp_path / "hub") as again:
        assert ModelHub(again, "hf_mine").state("lab/voice") == owner.state("lab/voice")
        assert ModelHub(again, None).state("lab/voice") is None
    for stranger in (other, ModelHub(hub, None)):
        assert stranger.state("lab/voice", revision) is None
        with pytest.raises(PlatformError, match="did not take"):
            stranger.reveal("lab/voice")
    with pytest.raises(SubmissionFault):
        worker.describe("lab/voice", revision)
    owner.reveal("lab/voice")
    assert worker.describe("lab/voice", revision).revision == revision
    found = other.state("lab/voice")
    assert found is not None and (found.private, found.revision) == (False, revision)


def test_a_repository_is_made_once(hub: str) -> None:
    """Made again it keeps what it holds, and who may see it."""
    owner = ModelHub(hub, "hf_mine")
    owner.create("lab/voice", private=True)
    before = owner.state("lab/voice")
    owner.create("lab/voice", private=False)
    assert (before, before is not None and before.empty) == (owner.state("lab/voice"), True)


@pytest.mark.parametrize("change", ["nothing", "content", "more", "less", "the hub's own"])
def test_a_repository_holds_a_folder_or_does_not(hub: str, tmp_path: Path, change: str) -> None:
    """Every file with its content, and no other but what a hub adds by itself."""
    folder = espeak_voices.build(tmp_path / "models")["clear"]
    publish(folder, "lab/voice", hub, None, private=False)
    found = ModelHub(hub, None).state("lab/voice")
    assert found is not None
    match change:
        case "content":
            (folder / "config.json").write_text("{}")
        case "more":
            (folder / "LICENSE").write_text("MIT")
        case "less":
            (folder / "README.md").unlink()
        case "the hub's own":
            found = Remote(found.private, found.revision, {**found.files, ".gitattributes": "0" * 40})
    assert found.holds(folder) is (change in ("nothing", "the hub's own"))
