"""`voice store prune` on a real database: what stays for good, what goes, and who may be about it meanwhile."""

import asyncio
import hashlib
import json
import os
import threading
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from neurons.pruning import prune
from scoring.errors import Code, PlatformError
from scoring.receipts.store import audio_name, receipt_name
from scoring.store.files import StoredFile
from scoring.store.folder import FolderFiles
from scoring.store.retention import Amount, KeptBecause, RetentionPolicy
from tests.builders.command_line import Ended, voice
from voice_api.db import roles
from voice_api.db.database import Pool, connection_to, open_pool
from voice_api.db.retention import KeptSamples

DAYS = 40
POLICY = RetentionPolicy(age=timedelta(days=30), most_bytes=None)
# Rounds 1 to 4 in two tracks. `a` is king of `small` after rounds 1 and 2, and `b` after 3 by a duel of rounds 2 and 3; `c` is king of
# `large` in `small`'s time; `d` is nobody. Each evaluation has six samples, of which the lowest three stay.
FACTS = """
set session_replication_role = replica;
insert into rounds (round, start_block, block_hash, deadline_block, competition_hash, state, closed_at)
select n, n * 40, '0x', n * 40 + 40, 'c', 'closed', now() from generate_series(1, 4) n;
insert into submissions (id, hotkey, commit_block, tiebreak, public_key, commitment, repo, revision, tag, refused, state)
overriding system value
select n, 'hotkey-' || chr(96 + n), n, md5(n::text), repeat(md5(n::text), 2), 'v2', 'a/b', repeat('a', 40), md5(n::text), false, 'scored'
from generate_series(1, 4) n;
insert into evaluations (id, submission_id, round, track, queue, priority, state, score, receipt, signature, certificate, receipt_hash,
                         finished_at, claimed_at, host)
overriding system value
select m * 10 + r, m, r, case when m = 3 then 'large' else 'small' end, 'cpu', 1, 'scored', 5, '{}', 'ab', '{}', 'receipt-' || m || r,
       now(), now(), 'host'
from generate_series(1, 4) m, generate_series(1, 4) r;
insert into samples (evaluation_id, position, prompt_id, group_id, score, gate, metrics, utilities, pcm_sha256, seconds)
select e.id, n, 'p' || n, 'g', case when n = 5 then 0 else 100 + n end, case when n = 5 then 'silence' end, '{}', '{}',
       encode(sha256(convert_to(e.id || '-' || n, 'utf8')), 'hex'), 1
from evaluations e, generate_series(0, 5) n;
insert into ledger (validator, round, state_hash, previous, state, inputs, kings) values
    ('v', 1, '1', '0', '{}', '{}', '{"small": "hotkey-a@1"}'),
    ('v', 2, '2', '1', '{}', '{}', '{"small": "hotkey-a@1", "large": "hotkey-c@3"}'),
    ('v', 3, '3', '2', '{}', '{}', '{"small": "hotkey-b@2", "large": "hotkey-c@3"}'),
    ('v', 4, '4', '3', '{}', '{}', '{"small": "hotkey-b@2"}');
insert into duel_rounds (validator, round, track, opened, challenger, king, outcome, wealth, threshold, margin, lead, groups, rounds) values
    ('v', 2, 'small', 2, 'hotkey-b@2', 'hotkey-a@1', 'open', 1, 620, 20000, null, 0, 0),
    ('v', 3, 'small', 2, 'hotkey-b@2', 'hotkey-a@1', 'crowned', 700, 620, 20000, 1, 32, 1);
insert into audits (validator, receipt_hash, round, entrant, service, host, level, outcome)
values ('v', 'receipt-43', 3, 'hotkey-d@4', 's', 'h', 2, 'differs'), ('v', 'receipt-44', 4, 'hotkey-d@4', 's', 'h', 2, 'holds');
"""
STAYS = {
    11: "king",
    12: "king",
    13: "king",
    22: "duel",
    23: "king",
    24: "king",
    32: "king",
    33: "king",
    34: "king",
    43: "disputed",
}
"""The evaluations (submission, round) that stay whole, and why: `a` was king before round 3, and `c` before round 4."""


def digest(evaluation: int, sample: int) -> str:
    return hashlib.sha256(f"{evaluation}-{sample}".encode()).hexdigest()


@pytest.fixture
async def facts(database_url: str, pool: Pool) -> Pool:
    """A database in which all that was decided."""
    async with connection_to(database_url) as connection:
        await connection.execute(FACTS)
    return pool


def aged(folder: Path, name: str, days: float = DAYS, size: int = 1_000) -> None:
    """A file of a store, written some days ago."""
    FolderFiles(folder).write(name, b"x" * size)
    then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    os.utime(folder / name, (then, then))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with every sound of that database, two that no verdict names (one is new), a receipt and a leftover; all else is old."""
    folder = tmp_path / "store"
    for evaluation in (10 * submission + number for submission in range(1, 5) for number in range(1, 5)):
        for sample in range(6):
            aged(folder, audio_name(digest(evaluation, sample)))
    aged(folder, audio_name("0" * 64))
    aged(folder, audio_name("1" * 64), days=0.5)
    aged(folder, receipt_name("2" * 64))
    aged(folder, "audio/00/.new-dead")
    return folder


def left(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "audio").rglob("*.flac")}


async def test_every_reason_is_found(facts: Pool) -> None:
    """Kings before and after the round, both sides of a duel in its rounds, what was not found to hold, and the lowest samples."""
    asked = {digest(10 * m + r, n): (10 * m + r, n) for m in range(1, 5) for r in range(1, 5) for n in range(6)}
    found = await KeptSamples(facts).reasons([*asked, "0" * 64], worst=2)
    expected = {}
    for name, (evaluation, sample) in asked.items():
        lowest = sample in (5, 0)  # the closed gate, then the lowest score
        why = STAYS.get(evaluation, "worst" if lowest else None)
        if why:
            expected[name] = KeptBecause(why)
    assert found == expected


async def test_what_was_said_twice_has_the_stronger_reason(facts: Pool, database_url: str) -> None:
    """Equal sounds are one file: it stays while anybody's reason holds."""
    async with connection_to(database_url) as connection:
        await connection.execute(
            "insert into samples (evaluation_id, position, prompt_id, group_id, score, metrics, utilities, pcm_sha256, seconds)"
            " values (11, 9, 'p9', 'g', 900, '{}', '{}', $1, 1)",
            digest(41, 3),
        )
    assert await KeptSamples(facts).reasons([digest(41, 3)], worst=0) == {digest(41, 3): KeptBecause.KING}


def pruned(folder: Path, database_url: str, *options: str) -> Ended:
    """Run the command on a store."""
    given = {"DATABASE_URL": database_url, "VOICE_STORE": str(folder)}
    return voice(folder.parent, "store", "prune", *options, **given)


@pytest.mark.usefixtures("facts")
async def test_a_dry_run_tells_and_the_command_does(store: Path, database_url: str) -> None:
    """The same numbers; receipts and what is kept for good stay, and a second run finds nothing more."""
    before = left(store)
    told = await asyncio.to_thread(pruned, store, database_url, "--dry-run", "--json", "--worst", "2")
    assert (told.returncode, left(store)) == (0, before), told.stderr
    whole = 6 * len(STAYS)
    rest = 16 - len(STAYS)
    data = json.loads(told.stdout)
    assert {reason: amount["files"] for reason, amount in data["kept"].items()} == {
        "king": 6 * 8,
        "duel": 6,
        "disputed": 6,
        "worst": 2 * rest,
    }
    assert (data["removed"], data["young"]) == (
        {"files": 4 * rest + 1, "bytes": 1_000 * (4 * rest + 1)},
        {"files": 1, "bytes": 1_000},
    )
    done = await asyncio.to_thread(pruned, store, database_url, "--yes", "--json", "--worst", "2")
    assert json.loads(done.stdout) == data | {"dry_run": False, "leftovers": 1, "before": json.loads(done.stdout)["before"]}
    assert len(left(store)) == whole + 2 * rest + 1
    assert (store / receipt_name("2" * 64)).exists()
    again = json.loads((await asyncio.to_thread(pruned, store, database_url, "--yes", "--json", "--worst", "2")).stdout)
    assert (again["removed"]["files"], again["leftovers"]) == (0, 0)


@pytest.mark.usefixtures("facts")
async def test_people_read_a_table(store: Path, database_url: str) -> None:
    """What stays and why, and what would go, in words and units."""
    told = await asyncio.to_thread(pruned, store, database_url, "--dry-run")
    lines = " ".join(told.stdout.split())
    assert "stay: of a king 48 46.9 kB" in lines
    assert "would go 19 18.6 kB" in lines


@pytest.mark.usefixtures("facts")
async def test_nothing_goes_unasked(store: Path, database_url: str) -> None:
    """Without a terminal and without --yes it is refused at once, with what to do; wrong sizes, ages and folders likewise."""
    before = left(store)
    for options, words in (
        ((), "--yes"),
        (("--yes", "--most", "lots"), "50GB"),
        (("--yes", "--age", "30"), "30d"),
        (("--dry-run", "--store", str(store / "elsewhere")), "is no folder"),
    ):
        ended = await asyncio.to_thread(pruned, store, database_url, *options)
        assert (ended.returncode, f"error {Code.ARGUMENT_INVALID}" in ended.stderr, words in ended.stderr) == (1, True, True)
    assert left(store) == before


async def test_a_database_that_knows_nothing_decides_nothing(store: Path, database_url: str, pool: Pool) -> None:
    """The wrong database would name every sound superfluous: it is refused."""
    del pool
    ended = await asyncio.to_thread(pruned, store, database_url, "--yes")
    assert (ended.returncode, "DATABASE_URL" in ended.stderr) == (1, True)
    assert len(left(store)) == 16 * 6 + 2


@pytest.mark.usefixtures("facts")
async def test_a_role_that_may_not_know_is_told_which_one_may(database_url: str) -> None:
    """A worker reads no ledger: it cannot say what is kept for good, and is told so with a code."""
    await roles.apply(database_url)
    separator = "&" if "?" in database_url else "?"
    async with open_pool(f"{database_url}{separator}role=voice_worker", size=1) as pool:
        with pytest.raises(PlatformError, match="name the tables' owner or a reader") as refused:
            await KeptSamples(pool).reasons([digest(11, 0)], worst=2)
        assert refused.value.code is Code.SETTING_INVALID


async def nothing(_asked: Sequence[str]) -> Mapping[str, KeptBecause]:
    return {}


async def test_a_sound_that_is_spoken_again_meanwhile_stays(tmp_path: Path) -> None:
    """A worker that comes between survey and removal wins."""
    aged(tmp_path, audio_name("a" * 64))
    calls = 0

    async def reasons(asked: Sequence[str]) -> Mapping[str, KeptBecause]:
        nonlocal calls
        calls += 1
        if calls == 2:  # the file was listed for removal
            FolderFiles(tmp_path).write(audio_name("a" * 64), b"again")
        return {}

    found = await prune(FolderFiles(tmp_path), reasons, POLICY, datetime.now(UTC), dry_run=False)
    assert (found.removed, left(tmp_path)) == (Amount(), {"a" * 64})


async def test_two_at_once_remove_each_sound_once(tmp_path: Path) -> None:
    """Neither fails, and together they say what went."""
    for number in range(400):
        aged(tmp_path, audio_name(f"{number:064x}"))

    def run() -> int:
        policy, now = POLICY, datetime.now(UTC)
        return asyncio.run(prune(FolderFiles(tmp_path), nothing, policy, now, dry_run=False)).removed.files

    assert sum(await asyncio.gather(*(asyncio.to_thread(run) for _ in range(2)))) == 400
    assert left(tmp_path) == set()


async def test_what_another_takes_for_a_leftover_is_gone(tmp_path: Path) -> None:
    """One removes old files while the other removes leftovers all the time: neither fails, and each file is counted once."""
    names = [audio_name(f"{number:064x}") for number in range(400)]
    for name in names:
        aged(tmp_path, name)
    files, now, done = FolderFiles(tmp_path), datetime.now(UTC), threading.Event()

    def leftovers() -> None:
        while not done.is_set():
            files.remove_leftovers("audio", now)

    beside = asyncio.create_task(asyncio.to_thread(leftovers))
    removed = await asyncio.to_thread(lambda: [files.remove(name, now) for name in names])
    done.set()
    await beside
    assert removed == [True] * len(names)
    assert left(tmp_path) == set()


class ManyFiles(FolderFiles):
    """A store with more files than a test could write: of one size, spread over sixty days."""

    def __init__(self, folder: Path, count: int) -> None:
        super().__init__(folder)
        self.count = count

    def each(self, prefix: str) -> Iterator[StoredFile]:
        """Each when it is asked for."""
        now = datetime.now(UTC)
        for number in range(self.count):
            yield StoredFile(audio_name(f"{number:064x}"), 1_000, now - timedelta(hours=number % 1_440))


async def peak_of(files: ManyFiles) -> int:
    """The most memory that a dry run takes, in bytes."""
    policy = RetentionPolicy(age=timedelta(days=30), most_bytes=5_000_000)
    tracemalloc.start()
    await prune(files, nothing, policy, datetime.now(UTC), dry_run=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


async def test_memory_does_not_grow_with_the_store(tmp_path: Path) -> None:
    """Ten times the files take the same."""
    few = await peak_of(ManyFiles(tmp_path, 1_000))
    assert await peak_of(ManyFiles(tmp_path, 10_000)) < 1.5 * few
