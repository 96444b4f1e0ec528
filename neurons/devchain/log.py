"""The append-only event log in one SQLite file (WAL), and beside it the table of faults; both are shared by processes and outlive them."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from neurons.chain.types import ChainUnavailable
from neurons.devchain import events
from neurons.devchain.events import Event, LoggedEvent
from neurons.devchain.genesis import Genesis
from scoring.types import Block

_LOCK_SECONDS = 10.0
_VERSION = 2
"""Of the file: 1 was before rules could change and stake could move (its `user_version` was left at 0)."""
_SCHEMA = """
pragma journal_mode = wal;
begin;
pragma user_version = {version};
create table genesis (singleton integer primary key check (singleton = 1), body text not null);
create table events (
    id     integer primary key autoincrement,
    block  integer not null,
    kind   text not null,
    body   text not null
);
create index events_by_block on events (block, id);
create table faults (
    id           integer primary key autoincrement,
    kind         text not null,
    call         text not null,
    share        real not null,
    seconds      real not null,
    name         text not null,
    after        integer not null,
    until_block  integer,
    pid          integer,
    since        integer not null,
    hits         integer not null default 0
);
create trigger events_stay before update on events begin select raise(abort, 'events are never changed'); end;
create trigger events_remain before delete on events begin select raise(abort, 'events are never removed'); end;
commit;
"""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file in every failure of SQLite."""
    try:
        yield
    except sqlite3.Error as exc:
        busy = getattr(exc, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY  # not every error of the module has one
        todo = "is busy: another process writes to it without a pause" if busy else f"cannot be used ({exc}); create a new one"
        raise ChainUnavailable(f"the development chain's file {path} {todo}") from exc


def connection(path: Path) -> sqlite3.Connection:
    """Open a file that exists; raises ChainUnavailable."""
    with naming(path):
        uri = f"{path.resolve().as_uri()}?mode=rw"
        return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_LOCK_SECONDS, check_same_thread=False)


def create(path: Path, genesis: Genesis) -> None:
    """Make the file, whole or not at all; raises ChainUnavailable if it exists or its folder cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent) as folder:
            unfinished = Path(folder) / path.name
            with naming(path), closing(sqlite3.connect(unfinished, isolation_level=None)) as db:
                db.executescript(_SCHEMA.format(version=_VERSION))
                db.execute("insert into genesis values (1, ?)", (genesis.to_json(),))
            os.link(unfinished, path)
    except OSError as exc:
        why = "exists already; remove it, or use it" if path.exists() else f"cannot be written: {exc.strerror}"
        raise ChainUnavailable(f"{path} {why}") from exc


class EventLog:
    """An open log. SQLite lets one writer in at a time; a process that dies inside `writing` leaves nothing behind."""

    def __init__(self, path: Path) -> None:
        """Open an existing file; raises ChainUnavailable if there is none or it is no development chain."""
        if not path.is_file():
            raise ChainUnavailable(
                f"there is no development chain at {path}; make one with `voice dev create`, or name another as VOICE_DEVCHAIN"
            )
        self._path = path
        with naming(path):
            self._db = connection(path)
            try:
                self._db.execute("pragma synchronous = normal")
                row = self._db.execute("select body from genesis").fetchone()
                version: int = self._db.execute("pragma user_version").fetchone()[0]
            except sqlite3.Error:
                self._db.close()
                raise
        if row is None:
            self.close()
            raise ChainUnavailable(f"the development chain at {path} has no genesis; create a new one")
        if version != _VERSION:
            self.close()
            whose = "an older" if version < _VERSION else "a newer"
            raise ChainUnavailable(f"the development chain at {path} was made by {whose} version; create a new one")
        self.genesis = Genesis.from_json(row[0])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the one write lock; events appended inside are stored at the end, or not at all after an exception."""
        with naming(self._path), self._db:
            self._db.execute("begin immediate")
            yield

    def append(self, block: Block, event: Event) -> int:
        """Add an event inside `writing`; returns its index within the block."""
        with naming(self._path):
            index: int = self._db.execute("select count(*) from events where block = ?", (block,)).fetchone()[0]
            self._db.execute("insert into events (block, kind, body) values (?, ?, ?)", (block, *events.encode(event)))
        return index

    def last_block(self) -> Block:
        """The newest block with an event; 0 if there is none."""
        with naming(self._path):
            return Block(self._db.execute("select coalesce(max(block), 0) from events").fetchone()[0])

    def between(self, after: int, upto: int) -> list[LoggedEvent]:
        """The events of the blocks `after` < block ≤ `upto`, in order."""
        with naming(self._path):
            rows = self._db.execute(
                "select block, row_number() over (partition by block order by id) - 1, kind, body"
                " from events where block > ? and block <= ? order by id",
                (after, upto),
            ).fetchall()
        return [LoggedEvent(Block(block), index, events.decode(kind, body)) for block, index, kind, body in rows]
