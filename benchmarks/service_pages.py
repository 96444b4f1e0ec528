"""Pages of a subnet that has run for years, against the leaderboard's JSON of the same process; and pages that only listen."""

import asyncio
from contextlib import AsyncExitStack

from benchmarks.service_bed import Bed, ServiceRow, in_ms, resident
from benchmarks.service_client import fetch, get, load
from benchmarks.service_data import REGISTERED
from scoring.competition import load as load_rules
from scoring.ranking.state import Record
from scoring.types import Block, Entrant, Hotkey, Micro, RoundNumber, TensorsHash
from tests.builders.ledger import a_ledger_entry, some_inputs
from tests.builders.ranking import a_state
from voice_api.db.database import Connection, connection_to, open_pool
from voice_api.db.ledger import Ledger, LedgerEntry

SUBMISSIONS, ROUNDS = 10_000, 1_000
SAMPLES = 44 * 2_400
LISTENERS, LISTENERS_OF_ADDRESS = 500, 50
_MOST_MS = 300
_IDLE_SECONDS = 20
_KING = Entrant("hotkey-1@9997")
_LATER = """
insert into rounds (round, start_block, block_hash, deadline_block, competition_hash, state, closed_at)
select n, n * 360, '0x' || lpad(to_hex(n), 64, '0'), n * 360 + 720, repeat('c', 64), 'closed', now()
from generate_series((select max(round) + 1 from rounds), {rounds}) n
"""


async def pages(bed: Bed, seconds: float) -> list[ServiceRow]:
    """Each page on 10,000 submissions and 1,000 rounds, and what 500 idle listeners hold."""
    await bed.make("paged", SUBMISSIONS, SAMPLES)
    async with connection_to(bed.database("paged")) as connection:
        await connection.execute(_LATER.format(rounds=ROUNDS))
        paths = await _paths(connection)
    async with open_pool(bed.database("paged"), application="bench") as pool:
        ledger = Ledger(pool, Hotkey(bed.hotkey))
        for entry in _entries():
            await ledger.append(entry)
    port = await bed.serve("api-pages", "paged")
    table = await load(port, lambda: get("/v1/leaderboard"), 1, seconds / 4)
    rows = []
    for path in paths:
        status, body = await fetch(port, get(path))
        if status != 200:
            raise RuntimeError(f"{path} answers {status}: {body[:200]!r}")
        done = await load(port, lambda path=path: get(path), 1, seconds / 4)  # type: ignore[misc]
        rows.append(
            ServiceRow(
                what=f"p99 of {path}, {len(body) / 1000:.0f} kB",
                ours=in_ms(done.p99),
                baseline=f"/v1/leaderboard {in_ms(table.p99)}",
                ratio=done.p99 / table.p99,
                target=f"≤ {_MOST_MS} ms",
            )
        )
    return [*rows, await _idle(bed, port)]


async def _paths(connection: Connection) -> list[str]:
    """One page of each kind that there is without recordings, and one answer of each kind of read."""
    scored = await connection.fetchval("select max(id) from submissions where state = 'scored'")
    first = ("/", "/?search=hotkey-17", "/listen", "/duels", "/rounds", "/rounds/50", "/queue", "/weights", "/status", "/how")
    evaluation = await connection.fetchval("select max(id) from evaluations where submission_id = $1", scored)
    tables = (
        "/v1/leaderboard?search=hotkey-17",
        "/v1/leaderboard?limit=500",
        "/v1/explain/7",
        "/v1/duels",
        "/v1/ledger",
        "/v1/weights",
    )
    rows = ("/v1/submissions", "/v1/rounds", "/v1/rounds/50/prompts", "/v1/evaluations?round=50", "/v1/queue")
    of_one = (f"/v1/submissions/{scored}", f"/v1/evaluations/{evaluation}/samples")
    return [*first, "/miners/hotkey-7", f"/submissions/{scored}", *tables, *rows, *of_one]


def _entries() -> list[LedgerEntry]:
    """A ledger of all rounds, whose head has a record of every registered hotkey."""
    found: list[LedgerEntry] = []
    rules = load_rules().at(RoundNumber(ROUNDS)).hash
    for number in range(1, ROUNDS + 1):
        previous = found[-1].state_hash if found else ""
        records = tuple(_record(n) for n in range(REGISTERED)) if number == ROUNDS else ()
        state = a_state(round=RoundNumber(number), king=_KING, records=records)
        inputs = some_inputs(start=Block(number * 360), competition_hash=rules)
        found.append(a_ledger_entry(number, previous=previous, state=state, inputs=inputs))
    return found


def _record(number: int) -> Record:
    hotkey, block = Hotkey(f"hotkey-{number}"), Block(SUBMISSIONS - REGISTERED + number)
    return Record(
        entrant=Entrant(f"{hotkey}@{block}"),
        hotkey=hotkey,
        commit_block=block,
        tiebreak=f"{number:064x}",
        tensors=TensorsHash(f"{number:064x}"),
        groups=320,
        total=320 * Micro(400_000 + 1_000 * number),
        squares=320 * (400_000 + 1_000 * number) ** 2 + 320 * 10**10,
    )


async def _idle(bed: Bed, port: int) -> ServiceRow:
    """Open pages that hear nothing: what the process holds with them, against what it held before."""
    before = resident(bed, "api-pages")
    async with AsyncExitStack() as stack:
        for number in range(LISTENERS):
            address = f"127.0.0.{2 + number // LISTENERS_OF_ADDRESS}"
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            stack.callback(writer.close)
            writer.write(get("/v1/live"))
            if b" 200 " not in await reader.readline():
                raise RuntimeError(f"listener {number} was refused")
        first = resident(bed, "api-pages")
        await asyncio.sleep(_IDLE_SECONDS)
        after = resident(bed, "api-pages")
    return ServiceRow(
        what=f"resident memory with {LISTENERS} idle listeners after {_IDLE_SECONDS} s",
        ours=f"{after:.0f} MiB",
        baseline=f"at their start {first:.0f} MiB, without them {before:.0f} MiB",
        ratio=after / first,
        target="flat",
    )
