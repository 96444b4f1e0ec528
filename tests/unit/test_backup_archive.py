"""A backup's file: whole or not there, closed to others, and what was changed in it is named."""

import resource
import stat
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from neurons.backup import archive as archive_file
from neurons.backup.archive import COPIES, FORMAT, MANIFEST, STORED, Archive, BackedTable, BackupManifest, new_archive
from scoring.errors import Code, PlatformError

ROWS = b"".join(b"%d\tsome text of a row\n" % number for number in range(20_000))
NAME = "tables/rounds"


def write(path: Path, rows: bytes = ROWS, **others: bytes) -> Path:
    """A backup with one table, and other members beside it."""
    with new_archive(path) as archive:
        archive.add(NAME, rows)
        for name, data in others.items():
            archive.add(name, data)
        archive.add("competition.toml", b"rules")
        manifest = BackupManifest(
            format=FORMAT,
            made_at=datetime(2026, 1, 2, tzinfo=UTC),
            version="1",
            schema_revision="0001",
            tables={"rounds": BackedTable(columns=("round",), rows=rows.count(b"\n"))},
            ledgers=(),
            competition=True,
            store=None,
            members=archive.members,
        )
        archive.close(manifest)
    return path


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup with one table."""
    return write(tmp_path / "backup.zip")


def test_what_is_written_is_read_back(backup: Path) -> None:
    """Every byte, and nobody but the owner can read the file."""
    archive = Archive(backup)
    archive.check()
    with archive.member(NAME) as source:
        assert source.read() == ROWS
    assert list(archive.lines("competition.toml")) == ["rules"]
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert list(backup.parent.iterdir()) == [backup]


def test_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    """No clock and no chance is in the file but what the manifest says."""
    assert write(tmp_path / "a.zip").read_bytes() == write(tmp_path / "b.zip").read_bytes()


def cut_short(path: Path) -> str:
    """The copying stopped half-way."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return "no backup, or not whole"


def turn_a_byte(path: Path) -> str:
    """A bit of the disk is another, in the middle of the packed rows."""
    data = bytearray(path.read_bytes())
    data[1_000] ^= 0xFF
    path.write_bytes(data)
    return f"{path}, {NAME}: "


def rewrite(path: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def other_rows(path: Path) -> str:
    """Somebody packed it anew with another row."""
    rewrite(path, lambda members: members.update({NAME: ROWS + b"9\tmine\n"}))
    return f"{path}, {NAME}: its bytes are not those that were written"


def lose_a_member(path: Path) -> str:
    """One file is missing."""
    rewrite(path, lambda members: members.pop(NAME))
    return f"{path}, {MANIFEST}: it names other files than are there"


def lose_the_manifest(path: Path) -> str:
    """Any other ZIP."""
    rewrite(path, lambda members: members.pop(MANIFEST))
    return f"{path}, {MANIFEST}: "


def be_of_another_format(path: Path) -> str:
    """A later release writes otherwise."""
    rewrite(path, lambda members: members.update({MANIFEST: members[MANIFEST].replace(b'"format": 1', b'"format": 2')}))
    return f"{path}, {MANIFEST}: format "


def lead_outside(path: Path, name: str) -> str:
    """A copy of a store's file that would be written elsewhere."""
    rewrite(path, lambda members: members.update({name: b"0 0 * * * root id"}))
    return f"{path}, {name}: its name leads out of the backup"


@pytest.mark.parametrize("damage", [cut_short, turn_a_byte, other_rows, lose_a_member, lose_the_manifest, be_of_another_format])
def test_damage_is_found_and_named(backup: Path, damage: Callable[[Path], str]) -> None:
    """The file, and the part of it that does not hold."""
    words = damage(backup)
    with pytest.raises(PlatformError) as found:
        Archive(backup).check()
    assert found.value.code is Code.BACKUP_DAMAGED
    assert words in found.value.detail


@pytest.mark.parametrize("name", ["store//etc/cron.d/x", "store/../../x"])
def test_a_name_leads_to_no_place_outside_a_store(backup: Path, name: str) -> None:
    """Whoever restores a stranger's backup gets no file but a store's."""
    words = lead_outside(backup, name)
    with pytest.raises(PlatformError) as found:
        Archive(backup)
    assert (found.value.code, words in found.value.detail) == (Code.BACKUP_DAMAGED, True)


def test_a_table_that_is_counted_and_not_there_is_damage(tmp_path: Path) -> None:
    """The manifest alone does not make a backup."""
    whole = Archive(write(tmp_path / "whole.zip")).manifest
    with (
        pytest.raises(PlatformError, match="names the table rounds, which is not there"),
        new_archive(tmp_path / "a.zip") as archive,
    ):
        archive.close(whole.model_copy(update={"members": {}}))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"ab 1\n\xff\xfe 2\n", "it is no text", id="not UTF-8"),
        pytest.param(b"a" * 10_000_000, "one of its lines is too long", id="one line"),
    ],
)
def test_a_list_that_is_none_is_damage(tmp_path: Path, data: bytes, words: str) -> None:
    """It takes no memory, and no unforeseen error ends the restore."""
    archive = Archive(write(tmp_path / "a.zip", **{STORED: data}))
    with pytest.raises(PlatformError, match=words) as found:
        list(archive.lines(STORED))
    assert found.value.code is Code.BACKUP_DAMAGED


def test_a_store_has_no_file_that_fills_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few packed bytes of a stranger's backup may stand for very many."""
    monkeypatch.setattr(archive_file, "MOST_FILE", 1_000)
    archive = Archive(write(tmp_path / "a.zip", **{f"{COPIES}short": b"x" * 1_000, f"{COPIES}long": b"x" * 1_001}))
    assert archive.copied_file("short") == b"x" * 1_000
    with pytest.raises(PlatformError, match="no file of a store has") as found:
        archive.copied_file("long")
    assert found.value.code is Code.BACKUP_DAMAGED


def test_no_single_bit_makes_an_unforeseen_error(tmp_path: Path) -> None:
    """Whatever turns in the list of members, all is whole as far as anybody reads, or the error has the code of damage."""
    data = write(tmp_path / "small.zip", b"1\n").read_bytes()
    turned = tmp_path / "turned.zip"
    found = set()
    for place in range(data.index(b"PK\x01\x02"), len(data)):
        for bit in (0, 3, 7):
            turned.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
            try:
                Archive(turned).check()
            except PlatformError as error:
                found.add(error.code)
    assert found == {Code.BACKUP_DAMAGED}


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file of this process grows beyond 40 kB: as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("little_room")
def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """The error names the file, and says how much room there is; an earlier backup of that name stays."""
    path = tmp_path / "backup.zip"
    path.write_bytes(b"of yesterday")
    with pytest.raises(PlatformError, match=r"backup\.zip cannot be written .* MB are free there") as found:
        write(path, Random(1).randbytes(200_000))
    assert found.value.code is Code.BACKUP_NOT_WRITTEN
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"of yesterday", [path])


def test_another_error_leaves_nothing_either(tmp_path: Path) -> None:
    """Whatever ends the writing."""
    with pytest.raises(KeyError), new_archive(tmp_path / "backup.zip") as archive:
        archive.add(NAME, ROWS)
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_bad_input(tmp_path: Path) -> None:
    """A name that leads nowhere is told as such, not as damage."""
    with pytest.raises(PlatformError, match="cannot be read") as found:
        Archive(tmp_path / "nowhere.zip")
    assert found.value.code is Code.ARGUMENT_INVALID
