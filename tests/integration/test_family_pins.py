"""From `voice family pin` to a verdict: a codec and a recording on a hub, rules that pin them, and a model that speaks with them."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from safetensors.numpy import load as read_tensors
from safetensors.torch import load_file
from typer.testing import CliRunner

from neurons.cli.family.commands import app
from neurons.localnet.network import COMPETITION
from neurons.localnet.repositories import publish
from scoring.competition import Competition, Track, load
from scoring.errors import Code, InfrastructureFault, PlatformError
from scoring.model.fingerprint import fingerprint, tag_of
from scoring.progress import NO_PROGRESS
from scoring.synthesis.pocket_tts import tiny
from scoring.types import PublicKey, RoundNumber
from tests.builders import pocket_voices
from tests.builders.tools import build_tools
from tests.builders.verdicts import NobodyBefore, self_certified
from tests.builders.workers import a_claim
from tests.integration.hub_thread import hub_over
from voice_api.db.states import VerdictState
from workers.evaluation.evaluate import Assignment, evaluate
from workers.evaluation.parts import PartStore
from workers.evaluation.receipt_signer import ReceiptSigner
from workers.hub.client import Hub
from workers.settings import WorkerSettings

NOBODY = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Published:
    """A hub, its folder, and the rules that pin what it held."""

    url: str
    root: Path
    pinned: str
    rules: Competition

    @property
    def track(self) -> Track:
        """The only one."""
        return self.rules.track[0]


def pin(url: str, folder: Path, *more: str) -> str | int:
    """Run the command; the lines that it wrote, or its exit status."""
    chosen = ["--repo", "codec=parts/codec", "--repo", "speaker=parts/voices", "--file", "speaker=me.wav"]
    out = folder / "parts.toml"
    done = CliRunner().invoke(app, ["pin", "pocket_tts", "--hub", url, "--cache", str(folder), "--out", str(out), *chosen, *more])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return out.read_text(encoding="utf-8") if done.exit_code == 0 else done.exit_code


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    """The hub, and the demo's rules with one group, for this family alone."""
    folder = tmp_path_factory.mktemp("hub")
    pocket_voices.publish_parts(folder / "root", folder / "made", "parts/codec", "parts/voices", ["me.wav", "us.wav"])
    with hub_over(folder / "root") as url:
        pinned = pin(url, tmp_path_factory.mktemp("pin"))
        assert isinstance(pinned, str)
        text = COMPETITION.read_text(encoding="utf-8").replace('["espeak", "vits"]', '["pocket_tts"]')
        text = (
            text.replace("single = 5", "single = 1")
            .replace("voice = 1", "voice = 0")
            .replace("_seconds = 10.0", "_seconds = 60.0")
        )
        (folder / "competition.toml").write_text(f"{text}\n{pinned}", encoding="utf-8")
        yield Published(url, folder / "root", pinned, load(folder / "competition.toml").at(RoundNumber(0)))


@pytest.fixture
def receipt_signer(tmp_path: Path) -> ReceiptSigner:
    """A key that certified itself: nothing here asks whose it is."""
    return self_certified(tmp_path / "receipts")


def test_the_command_writes_what_is_published(published: Published, tmp_path: Path) -> None:
    """Revision, licence and checksums; the speaker's latents, by the codec's encoder; and the same lines a second time."""
    parts = published.track.parts["pocket_tts"]
    assert {name: (part.repo, part.licence, sorted(part.files)) for name, part in parts.items()} == {
        "codec": ("parts/codec", "mit", ["config.json", "model.safetensors"]),
        "speaker": ("parts/voices", "mit", ["me.wav"]),
    }
    latents = read_tensors(parts["speaker"].carried["latents.safetensors"])["latents"]
    assert latents.shape == (20, tiny.LATENT_DIM)  # a second and a half and a pause of .08 s, at 12.5 frames a second
    assert pin(published.url, tmp_path) == published.pinned


def test_a_model_is_judged_with_the_pinned_parts(published: Published, tmp_path: Path, receipt_signer: ReceiptSigner) -> None:
    """Repository → check → download → tag → sandbox → judges → signed verdict."""
    model = pocket_voices.build(tmp_path).model
    (model / "README.md").write_text(pocket_voices.CARD, encoding="utf-8")
    revision = publish(published.root, "miner/voice", model)
    key = PublicKey("00" * 32)
    tag = tag_of(fingerprint(model, NO_PROGRESS).content, key)
    claim = a_claim(public_key=key, repo="miner/voice", revision=revision, tag=tag, competition_hash=published.rules.hash)
    tools = build_tools(tmp_path, hub=Hub(published.url, tmp_path / "models"), parts=PartStore(published.url, tmp_path / "parts"))
    verdict = evaluate(Assignment(claim, published.rules, receipt_signer), tools, NobodyBefore(), NO_PROGRESS)
    assert (verdict.state, verdict.code, verdict.reason) == (VerdictState.SCORED, None, None)
    assert verdict.report is not None
    assert [sample.rate for sample in verdict.report.samples] == [24_000]


def test_parts_are_fetched_once(published: Published, tmp_path: Path) -> None:
    """Afterwards a hub that is away takes nothing from this host, be it another process; a damaged file is brought again."""
    codec = PartStore(published.url, tmp_path)("pocket_tts", published.track, NO_PROGRESS)
    assert codec is not None
    assert sorted(path.relative_to(codec).as_posix() for path in codec.rglob("*") if path.is_file()) == [
        "codec/config.json",
        "codec/model.safetensors",
        "speaker/latents.safetensors",
    ]
    assert list(load_file(codec / "speaker" / "latents.safetensors")) == ["latents"]
    assert PartStore(NOBODY, tmp_path)("pocket_tts", published.track, NO_PROGRESS) == codec
    (codec / "codec" / "config.json").unlink()
    (codec / "codec" / "config.json").write_text("{}", encoding="utf-8")
    assert PartStore(published.url, tmp_path)("pocket_tts", published.track, NO_PROGRESS) == codec
    assert (codec / "codec" / "config.json").stat().st_size > 100
    assert PartStore(NOBODY, tmp_path)("espeak", published.track, NO_PROGRESS) is None


def test_other_bytes_than_those_pinned(published: Published, tmp_path: Path) -> None:
    """A hub that serves another codec under the pinned revision is not believed: our fault, and nobody's score."""
    shutil.copytree(published.root, tmp_path / "root", symlinks=True)
    revision = published.track.parts["pocket_tts"]["codec"].revision
    (tmp_path / "root" / "parts" / "codec" / revision / "config.json").write_text("{}", encoding="utf-8")
    with hub_over(tmp_path / "root") as url, pytest.raises(InfrastructureFault, match="not the one that was pinned") as caught:
        PartStore(url, tmp_path / "parts")("pocket_tts", published.track, NO_PROGRESS)
    assert caught.value.code is Code.PART_UNAVAILABLE


@pytest.mark.parametrize(
    ("more", "why"),
    [
        pytest.param(["--file", "speaker=you.wav"], "speaker: parts/voices at main holds no you.wav", id="no such file"),
        pytest.param(["--repo", "vocoder=a/b"], "give PART=…, PART of codec, speaker", id="no such part"),
        pytest.param(["--repo", "codec=nowhere"], "names no repository", id="no repository"),
        pytest.param(["--file", "speaker=us.wav"], "one recording makes a voice, and there are me.wav, us.wav", id="two"),
        pytest.param(["--repo", "codec=parts/voices", "--file", "codec=README.md"], "do not fit the family", id="no codec"),
    ],
)
def test_what_cannot_be_pinned(published: Published, tmp_path: Path, more: list[str], why: str) -> None:
    """One line says why, and no file is written."""
    with pytest.raises(PlatformError, match=why):
        pin(published.url, tmp_path, *more)
    assert not (tmp_path / "parts.toml").exists()


@pytest.mark.parametrize("url", ["hub.example", "", "ftp://hub.example"])
def test_a_hub_that_has_no_address(tmp_path: Path, url: str) -> None:
    """It is a wrong setting, for a worker as for a command, and said before anything begins."""
    with pytest.raises(ValidationError, match="hub"):
        pin(url, tmp_path)
    with pytest.raises(ValidationError, match="hub"):
        WorkerSettings(hub=url, database_url=SecretStr("postgresql:///x"), redis_url=SecretStr("redis://y"))
