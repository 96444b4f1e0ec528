"""A codec that is published as a pickle: pinned with what the sandbox makes of it, made anew by each worker, and spoken with."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from neurons.cli.family.commands import app
from neurons.localnet.network import COMPETITION
from neurons.localnet.repositories import publish
from scoring.competition import Competition, load
from scoring.errors import Code, InfrastructureFault
from scoring.model.fingerprint import fingerprint, tag_of
from scoring.progress import NO_PROGRESS
from scoring.types import PublicKey, RoundNumber
from tests.builders import snac_voices
from tests.builders.tools import build_tools
from tests.builders.verdicts import NobodyBefore, self_certified
from tests.builders.workers import a_claim
from tests.integration.hub_thread import hub_over
from voice_api.db.states import VerdictState
from workers.evaluation.evaluate import Assignment, evaluate
from workers.evaluation.parts import PartStore
from workers.hub.client import Hub


class Runs:
    """A pickle that runs a command where it is opened unguarded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("print('opened')",)


@dataclass(frozen=True, slots=True)
class Published:
    """A hub, its folder, and the rules that pin what it held."""

    url: str
    root: Path
    rules: Competition


def pin(url: str, folder: Path, repo: str) -> str:
    """Run the command; the lines that it wrote."""
    out = folder / "parts.toml"
    chosen = ["--hub", url, "--cache", str(folder / "cache"), "--out", str(out), "--repo", f"codec={repo}"]
    done = CliRunner().invoke(app, ["pin", "llama_snac", *chosen], catch_exceptions=False)
    assert done.exit_code == 0
    return out.read_text(encoding="utf-8")


def ruled(folder: Path, pinned: str) -> Competition:
    """The demo's rules with one group, for this family alone, with pinned parts."""
    text = COMPETITION.read_text(encoding="utf-8").replace('["espeak", "vits"]', '["llama_snac"]')
    text = (
        text.replace("single = 5", "single = 1").replace("voice = 1", "voice = 0").replace("_seconds = 10.0", "_seconds = 60.0")
    )
    (folder / "competition.toml").write_text(f"{text}\n{pinned}", encoding="utf-8")
    return load(folder / "competition.toml").at(RoundNumber(0))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    """A random codec on a hub, and rules that pin it."""
    folder = tmp_path_factory.mktemp("hub")
    snac_voices.publish_codec(folder / "root", folder / "codec", "parts/snac")
    with hub_over(folder / "root") as url:
        yield Published(url, folder / "root", ruled(folder, pin(url, folder, "parts/snac")))


def test_it_is_pinned_with_what_is_made_of_it(published: Published, tmp_path: Path) -> None:
    """A worker makes the same bytes for itself; the pickle lies in no folder that a guest may read."""
    part = published.rules.track[0].parts["llama_snac"]["codec"]
    assert (sorted(part.files), sorted(part.loaded)) == (
        ["config.json", "pytorch_model.bin"],
        ["config.json", "model.safetensors"],
    )
    folder = PartStore(published.url, tmp_path)("llama_snac", published.rules.track[0], NO_PROGRESS)
    assert folder is not None
    held = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "codec").iterdir()}
    assert held == part.loaded
    assert PartStore("http://127.0.0.1:9", tmp_path)("llama_snac", published.rules.track[0], NO_PROGRESS) == folder


def test_a_model_is_judged_with_it(published: Published, tmp_path: Path) -> None:
    """Repository → check → download → tag → sandbox → judges → signed verdict."""
    model = snac_voices.build(tmp_path).model
    (model / "README.md").write_text(snac_voices.CARD, encoding="utf-8")
    revision = publish(published.root, "miner/voice", model)
    key = PublicKey("00" * 32)
    tag = tag_of(fingerprint(model, NO_PROGRESS).content, key)
    claim = a_claim(public_key=key, repo="miner/voice", revision=revision, tag=tag, competition_hash=published.rules.hash)
    tools = build_tools(tmp_path, hub=Hub(published.url, tmp_path / "models"), parts=PartStore(published.url, tmp_path / "parts"))
    signer = self_certified(tmp_path / "receipts")
    verdict = evaluate(Assignment(claim, published.rules, signer), tools, NobodyBefore(), NO_PROGRESS)
    assert (verdict.state, verdict.code, verdict.reason) == (VerdictState.SCORED, None, None)
    assert verdict.report is not None
    assert [sample.rate for sample in verdict.report.samples] == [24_000]


def test_another_pickle_is_not_opened(published: Published, tmp_path: Path) -> None:
    """A hub that serves another one under the pinned revision is not believed: our fault, and nobody's score."""
    shutil.copytree(published.root, tmp_path / "root", symlinks=True)
    revision = published.rules.track[0].parts["llama_snac"]["codec"].revision
    torch.save({"w": Runs()}, tmp_path / "root" / "parts" / "snac" / revision / "pytorch_model.bin")
    with hub_over(tmp_path / "root") as url, pytest.raises(InfrastructureFault, match="not the one that was pinned") as caught:
        PartStore(url, tmp_path / "parts")("llama_snac", published.rules.track[0], NO_PROGRESS)
    assert caught.value.code is Code.PART_UNAVAILABLE


def test_a_pickle_with_code_is_not_pinned(tmp_path: Path) -> None:
    """Its code is named, and not run."""
    snac_voices.publish_codec(tmp_path / "root", tmp_path / "codec", "parts/snac")
    torch.save({"w": Runs()}, tmp_path / "codec" / "pytorch_model.bin")
    publish(tmp_path / "root", "parts/snac", tmp_path / "codec")
    why = "pytorch_model.bin cannot be converted: it asks for .*eval, which is code"
    with hub_over(tmp_path / "root") as url, pytest.raises(InfrastructureFault, match=why) as caught:
        pin(url, tmp_path, "parts/snac")
    assert caught.value.code is Code.PART_UNAVAILABLE
