"""The rules by which `voice verify` looks at a receipt: a file's, as they stood in its round, or the store's own copy."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bittensor.sp_core import Keypair
from pydantic import ValidationError
from typer.testing import CliRunner

from neurons.cli.main import app
from neurons.localnet.network import COMPETITION
from scoring.competition import DEFAULT_PATH, Competition, load
from scoring.errors import Code, PlatformError
from scoring.receipts import receipt
from scoring.receipts.audit import Difference
from scoring.receipts.certificate import Trust
from scoring.receipts.receipt import Circumstances, Finding, Placement, Signed, Subject
from scoring.store.folder import FolderFiles
from scoring.synthesis.families import FAMILIES
from scoring.types import Block, BlockHash, Hotkey, RoundNumber
from tests.builders.certificates import a_certificate
from voice_api.keys import CertifiedKey, ServiceKey, verify
from workers.evaluation.audio_store import EvidenceStore
from workers.verify.receipt import VerifyOutcome, check_itself, open_case

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BLOCK_HASH = BlockHash("0x" + "5a" * 32)
SHIPPED, DEMO = load().version[0], load(COMPETITION).version[0]
ISSUER = ServiceKey(Keypair.create_from_seed(bytes(32)))
KEY = ServiceKey(Keypair.create_from_seed(bytes([2]) * 32))
TRUST = Trust(frozenset({Hotkey(ISSUER.address)}), frozenset(), verify)
CERTIFICATE = a_certificate(ISSUER, KEY, NOW)


def a_receipt(rules: Competition) -> Signed:
    """A rejection in round 3, signed, by these rules."""
    subject = Subject(
        hotkey=Hotkey("5F"),
        commit_block=Block(10),
        repo="a/b",
        revision="0" * 40,
        round=RoundNumber(3),
        block_hash=BLOCK_HASH,
        competition_hash=rules.hash,
    )
    finding = Finding(content_hash=None, tensors_hash=None, code=Code.FILE_NOT_ALLOWED, reason="x.bin", report=None)
    place = Placement.of(FAMILIES[rules.track[0].families[0]], rules.track[0], BLOCK_HASH)
    return receipt.sign(receipt.build(subject, place, finding, Circumstances("here", NOW, {})), CertifiedKey(KEY, CERTIFICATE))


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    """A store with a receipt of the demo, which this version's file does not know."""
    kept = EvidenceStore(FolderFiles(tmp_path / "store"))
    kept.keep_evidence(a_receipt(DEMO), DEMO)
    return kept


@pytest.fixture
def kept_rules(tmp_path: Path, store: EvidenceStore) -> Path:
    """The store's own copy of its rules."""
    del store
    return tmp_path / "store" / "competitions" / f"{DEMO.hash}.json"


def a_schedule(folder: Path) -> Path:
    """A competition's file: the shipped rules, and stricter ones from round 3 on."""
    text = DEFAULT_PATH.read_text(encoding="utf-8")
    later = (
        text[text.index("\n[[version]]") :].replace("from_round = 0", "from_round = 3").replace("alpha = 0.05", "alpha = 0.01")
    )
    file = folder / "competition.toml"
    file.write_text(text + later, encoding="utf-8")
    return file


def checked(signed: Signed, store: EvidenceStore, rules: Path = DEFAULT_PATH, *, pinned: bool = False) -> VerifyOutcome:
    """What level 1 finds."""
    return check_itself(open_case(signed, store, rules, pinned=pinned), TRUST, "receipt", NOW)


def test_rules_are_found_by_their_hash(store: EvidenceStore, kept_rules: Path, tmp_path: Path) -> None:
    """In a file of versions, in one kept version, in the store, or not at all; a changed one is not the receipt's."""
    empty = EvidenceStore(FolderFiles(tmp_path / "empty"))
    assert open_case(a_receipt(DEMO), empty, kept_rules).competition == DEMO
    assert open_case(a_receipt(SHIPPED), empty).competition == SHIPPED
    with pytest.raises(PlatformError, match=DEMO.hash) as caught:
        open_case(a_receipt(DEMO), empty)
    assert caught.value.code is Code.COMPETITION_INVALID
    kept_rules.write_text(kept_rules.read_text(encoding="utf-8").replace('"alpha": 0.05', '"alpha": 0.06'), encoding="utf-8")
    with pytest.raises(PlatformError, match="changed") as caught:
        open_case(a_receipt(DEMO), store)
    assert caught.value.code is Code.COMPETITION_INVALID


def test_rules_that_only_the_store_has_are_said_to_be_so(store: EvidenceStore, kept_rules: Path) -> None:
    """Who writes the receipt may write the rules beside it: generous ones hold, and their reader is told to compare them."""
    told = [[DEMO.hash in note for note in checked(a_receipt(DEMO), store, file).notes] for file in (DEFAULT_PATH, kept_rules)]
    assert told == [[False, True], [False]]


@pytest.mark.parametrize("pinned", [pytest.param(True, id="pinned"), pytest.param(False, id="not pinned")])
def test_rules_of_another_round_are_a_difference(store: EvidenceStore, tmp_path: Path, pinned: bool) -> None:
    """A file's earlier version does not hold in the receipt's round, though the file has it."""
    schedule = a_schedule(tmp_path)
    old, now = load(schedule).version
    (row,) = checked(a_receipt(old), store, schedule, pinned=pinned).differences
    assert row == Difference("rules of round 3", old.hash, now.hash)
    assert checked(a_receipt(now), store, schedule, pinned=pinned).holds


def test_pinned_rules_are_not_replaced_by_the_stores(store: EvidenceStore, tmp_path: Path) -> None:
    """The store has the receipt's rules; whoever names a file asks whether that file's rules were used."""
    (row,) = checked(a_receipt(DEMO), store, a_schedule(tmp_path), pinned=True).differences
    assert (row.what, row.claimed) == ("rules of round 3", DEMO.hash)


def verify_file(file: Path, *options: str) -> dict[str, Any]:
    """Run `voice verify … --json` on a receipt in itself; raises what it raises."""
    arguments = ["verify", str(file), "--level", "1", "--json", *options]
    ended = CliRunner().invoke(app, arguments, catch_exceptions=False, standalone_mode=False)
    if isinstance(ended.exception, PlatformError):
        raise ended.exception
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


@pytest.fixture
def demo_receipt(tmp_path: Path, store: EvidenceStore) -> Path:
    """The file of the demo's receipt."""
    del store
    (file,) = (tmp_path / "store" / "receipts").iterdir()
    return file


def test_the_rules_are_the_receipts_own(demo_receipt: Path) -> None:
    """The demo's are no rules of this version: they are found in the store beside the receipt, and that is said."""
    answer = verify_file(demo_receipt)
    assert (answer["holds"], answer["rules"]) == (True, "store")
    assert [DEMO.hash in note for note in answer["notes"]].count(True) == 1


def test_other_rules_are_named(demo_receipt: Path, kept_rules: Path) -> None:
    """With `--competition` the file counts, and no store is needed for them."""
    kept_rules.unlink()
    answer = verify_file(demo_receipt, "--competition", str(COMPETITION))
    assert (answer["holds"], answer["rules"]) == (True, "known")
    assert not any(DEMO.hash in note for note in answer["notes"])


def test_a_file_of_other_rules_pins(demo_receipt: Path) -> None:
    """The demo's receipt was not judged by the shipped rules; its own, in the store, do not help it."""
    answer = verify_file(demo_receipt, "--competition", str(DEFAULT_PATH))
    assert [row["what"] for row in answer["differences"]] == ["rules of round 3"]
    assert (answer["holds"], answer["rules"]) == (False, "known")


def test_rules_that_are_nowhere_are_a_coded_error(demo_receipt: Path, kept_rules: Path) -> None:
    """Neither in this version's file nor in the store: the error names them, and the option."""
    kept_rules.unlink()
    with pytest.raises(PlatformError, match=f"{DEMO.hash}.*--competition") as caught:
        verify_file(demo_receipt)
    assert caught.value.code is Code.COMPETITION_INVALID


def test_a_receipt_is_named_by_its_hash_in_a_store(demo_receipt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store of --store or of VOICE_STORE keeps it, and the rules that it names; a hash without a store says what to name."""
    answer = verify_file(Path(demo_receipt.stem), "--store", str(tmp_path / "store"))
    assert (answer["holds"], answer["receipt"]) == (True, demo_receipt.stem)
    with pytest.raises(PlatformError, match="--store or VOICE_STORE"):
        verify_file(Path(demo_receipt.stem))
    monkeypatch.setenv("VOICE_STORE", str(tmp_path / "store"))
    assert verify_file(Path(demo_receipt.stem))["holds"]
    with pytest.raises(PlatformError, match="no receipt ffff") as caught:
        verify_file(Path("f" * 64))
    assert caught.value.code is Code.ARGUMENT_INVALID


def test_storage_without_its_keys_is_a_wrong_setting(demo_receipt: Path) -> None:
    """It names the settings that are missing; an address that is no place is refused by what it should be."""
    with pytest.raises(PlatformError, match="VOICE_STORE_ACCESS_KEY") as caught:
        verify_file(Path(demo_receipt.stem), "--store", "s3://evidence/store")
    assert caught.value.code is Code.SETTING_INVALID
    with pytest.raises(ValidationError, match="s3://BUCKET/PREFIX"):
        verify_file(demo_receipt, "--store", "https://evidence")


def test_a_receipt_that_is_not_there_is_a_wrong_argument(tmp_path: Path) -> None:
    """Nothing is said against a receipt that nobody could read: the advice is about the command."""
    with pytest.raises(PlatformError, match="nowhere") as caught:
        verify_file(tmp_path / "nowhere.json")
    assert caught.value.code is Code.ARGUMENT_INVALID
