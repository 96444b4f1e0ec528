"""Nothing is loaded, and nothing is owned, unless the tag binds what the repository holds."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from safetensors.numpy import save_file

from scoring.competition import load
from scoring.errors import Code
from scoring.model.fingerprint import Fingerprint, fingerprint, tag_of
from scoring.progress import NO_PROGRESS
from scoring.types import Block, ContentHash, Hotkey, PublicKey, RoundNumber, SubmissionId, TensorsHash
from tests.builders.tools import build_tools
from tests.builders.verdicts import NobodyBefore, self_certified
from tests.builders.workers import a_claim
from voice_api.db.evaluations import Claim
from voice_api.db.states import VerdictState
from workers.evaluation.evaluate import Assignment, EarlierOwner, evaluate
from workers.evaluation.receipt_signer import ReceiptSigner
from workers.evaluation.tools import Tools
from workers.hub.client import Hub
from workers.hub.inspect import FolderSource
from workers.hub.repository import RepoFile, Repository

COMPETITION = load().at(RoundNumber(0))
KEY = PublicKey(bytes(range(32)).hex())


class FolderHub:
    """A hub whose every repository is one folder."""

    def __init__(self, folder: Path) -> None:
        self._source = FolderSource(folder)
        self._folder = folder

    def describe(self, repo: str, revision: str) -> Repository:
        return Repository(repo, revision, tuple(self._source.files), None)

    def pin_in_cache(self, _repo: str, _revision: str) -> AbstractContextManager[None]:
        return nullcontext()

    def read(self, _repository: Repository, file: RepoFile) -> bytes:
        return self._source.read(file)

    def head(self, _repository: Repository, file: RepoFile, n_bytes: int) -> bytes:
        return self._source.head(file, n_bytes)

    def download(self, _repository: Repository, _on_bytes: object) -> Path:
        return self._folder


class AlwaysCopied(NobodyBefore):
    """Somebody was always first."""

    def earlier(self, _claim: Claim, _content: ContentHash, _tensors: TensorsHash) -> EarlierOwner:  # type: ignore[override]
        return EarlierOwner(SubmissionId(1), Hotkey("first"), Block(1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model that passes every check before the tag."""
    (tmp_path / "config.json").write_text('{"model_type": "vits"}', encoding="ascii")
    (tmp_path / "vocab.json").write_text("{}", encoding="ascii")
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n", encoding="ascii")
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "model.safetensors")
    return tmp_path


@pytest.fixture
def tools(folder: Path, tmp_path: Path) -> Tools:
    """A hub that serves the folder; a sandbox that no test here reaches."""
    return build_tools(tmp_path, hub=cast(Hub, FolderHub(folder)))


@pytest.fixture
def receipt_signer(tmp_path_factory: pytest.TempPathFactory) -> ReceiptSigner:
    """A key that certified itself: nothing here asks whose it is."""
    return self_certified(tmp_path_factory.mktemp("receipt_signer"))


def claimed(prints: Fingerprint, key: PublicKey = KEY, repo: str = "a/b") -> Claim:
    """A commitment of the folder's content by a key."""
    return a_claim(public_key=KEY, tag=tag_of(prints.content, key), repo=repo)


def test_a_replayed_commitment_owns_nothing(folder: Path, tools: Tools, receipt_signer: ReceiptSigner) -> None:
    """Another's tag on another's repository: refused by name, and its hashes are not recorded as this hotkey's model."""
    prints = fingerprint(folder, NO_PROGRESS)
    assignment = Assignment(claimed(prints, key=PublicKey("00" * 32)), COMPETITION, receipt_signer)
    verdict = evaluate(assignment, tools, AlwaysCopied(), NO_PROGRESS)
    assert (verdict.state, verdict.code) == (VerdictState.REJECTED, Code.TAG_MISMATCH)
    assert (verdict.content_hash, verdict.tensors_hash) == (None, None)
    assert prints.content in (verdict.reason or "")


def test_a_bound_copy_is_named_before_it_is_loaded(folder: Path, tools: Tools, receipt_signer: ReceiptSigner) -> None:
    """Once the tag holds, the hashes are kept and the earlier commitment is named."""
    prints = fingerprint(folder, NO_PROGRESS)
    assignment = Assignment(claimed(prints, repo="c/d"), COMPETITION, receipt_signer)
    verdict = evaluate(assignment, tools, AlwaysCopied(), NO_PROGRESS)
    assert (verdict.state, verdict.code, verdict.copy_of) == (VerdictState.COPY, Code.COPY, 1)
    assert (verdict.content_hash, verdict.tensors_hash) == (prints.content, prints.tensors)
