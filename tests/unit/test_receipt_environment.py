"""A receipt names the packages that its model spoke with, and no installation with others takes it over."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scoring.competition import load
from scoring.errors import Code
from scoring.receipts import audit, receipt
from scoring.receipts.audit import Difference
from scoring.receipts.receipt import Circumstances, Finding, Placement, ReceiptInvalid, Subject
from scoring.synthesis.families import FAMILIES
from scoring.synthesis.manifest import Manifest
from scoring.types import Block, BlockHash, Hotkey, RoundNumber
from tests.builders.environments import needing

RULES = load().version[-1]
TRACK = RULES.track[0]
FAMILY = FAMILIES[TRACK.families[0]]
BLOCK_HASH = BlockHash("0x" + "ab" * 32)
REFUSED = Finding(content_hash=None, tensors_hash=None, code=Code.LOAD_FAILED, reason="it is odd", report=None)
HERE = Circumstances("x86_64 Linux", datetime(2026, 11, 29, tzinfo=UTC), {})


@pytest.fixture
def needy(tmp_path: Path) -> Manifest:
    """The family as if it needed packages of its own."""
    (found,) = needing(f"hum==1 --hash=sha256:{'1' * 64}\n", tmp_path, FAMILY.name).values()
    return found


def a_receipt(family: Manifest, /, **overrides: Any) -> Any:
    """A rejection of a model of this family, as JSON keeps it."""
    subject = Subject(
        hotkey=Hotkey("5F"),
        commit_block=Block(10),
        repo="a/b",
        revision="0" * 40,
        round=RoundNumber(3),
        block_hash=BLOCK_HASH,
        competition_hash=RULES.hash,
    )
    document = receipt.build(subject, Placement.of(family, TRACK, BLOCK_HASH), REFUSED, HERE)
    return json.loads(json.dumps(document)) | overrides


def test_it_names_the_environment_by_its_hash(needy: Manifest) -> None:
    """None where the family needs none; what is written is read back."""
    assert needy.environment is not None
    for family, name in ((needy, needy.environment.hash), (FAMILY, None)):
        document = a_receipt(family)
        said = receipt.read(document)
        assert document["environment"] == name
        assert said.placement == Placement.of(family, TRACK, BLOCK_HASH)
        assert receipt.build(*said) == document


def test_another_environment_is_refused_by_name(needy: Manifest) -> None:
    """Nobody here could repeat its sound: the receipt counts for nothing, and the reason is told."""
    said = receipt.read(a_receipt(needy))
    assert needy.environment is not None
    assert audit.place(said, RULES) == [Difference("environment", needy.environment.hash, "none in this installation")]
    assert audit.place(receipt.read(a_receipt(FAMILY)), RULES) == []


def test_what_an_installation_needs_must_be_named(needy: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receipt that names no environment is another's, too."""
    monkeypatch.setitem(FAMILIES, FAMILY.name, needy)
    assert needy.environment is not None
    found = f"{needy.environment.hash} in this installation"
    assert audit.place(receipt.read(a_receipt(FAMILY)), RULES) == [Difference("environment", "none", found)]
    assert audit.place(receipt.read(a_receipt(needy)), RULES) == []


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"environment": "short"}, id="no hash"),
        pytest.param({"family": None, "track": None, "prompts_hash": None, "environment": "1" * 64}, id="of no family"),
    ],
)
def test_an_environment_is_a_familys_and_a_hash(overrides: dict[str, Any]) -> None:
    """Anything else is no receipt."""
    with pytest.raises(ReceiptInvalid, match="environment"):
        receipt.read(a_receipt(FAMILY, **overrides))


def test_a_receipt_without_the_field_is_refused_by_name() -> None:
    """As those of before are."""
    document = a_receipt(FAMILY)
    del document["environment"]
    with pytest.raises(ReceiptInvalid, match="environment"):
        receipt.read(document)
