"""`make bench-service`: reads, writes and jobs of the service on loopback, against the barest thing that does the same, in the same run.

Baseline and ours take turns, so that whatever else the machine does falls on both. Nothing here passes or fails.
Usage: python -m benchmarks.bench_service [--json] [--submissions 100000] [--samples 3000000]
       [--only reads pages writes jobs scale pooler large] [--out docs/measured/scale.json: what was measured of scale]
"""

import argparse
import asyncio
import hashlib
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

from bittensor import http_auth
from rich.console import Console
from rich.table import Table

from benchmarks.service_bed import Bed, ServiceRow, in_ms, resident
from benchmarks.service_client import Load, fetch, get, load
from benchmarks.service_crowd import CrowdCost, crowd, crowd_rows
from benchmarks.service_jobs import through_rq, through_the_service
from benchmarks.service_pages import pages
from benchmarks.service_pooler import pooler
from benchmarks.service_scale import ScalePoint, as_rows, scale
from neurons.localnet.services import pick_port
from voice_api.db.database import open_pool

SECTIONS = ("reads", "pages", "writes", "jobs", "scale", "pooler", "large")
SMALL = 1_000
"""Submissions of the small database."""
SMALL_SAMPLES = 44_000
TURNS = 4
ANEW = "/v1/leaderboard?limit=99"
"""Of the usual 100 rows the API keeps what it wrote for a second."""
CONNECTIONS = 4
MIB = 2**20
_START_SECONDS = 60.0


async def reads(bed: Bed, seconds: float) -> list[ServiceRow]:
    """The leaderboard, against the same bytes from a bare route."""
    await bed.make("small", SMALL, SMALL_SAMPLES)
    ours, request = await bed.serve("api-reads", "small"), get("/v1/leaderboard")
    before = resident(bed, "api-reads")
    _, answer = await fetch(ours, request)
    bare = await bed.serve_bare("small", answer[: answer.index(b'"rows":') + len('"rows":')].decode())
    if await fetch(ours, request) != await fetch(bare, request):
        raise RuntimeError("the bare route answers with other bytes")
    here, there = await _turns([ours, bare], lambda: request, seconds)
    anew, bare_anew = await _turns([ours, bare], lambda: get(ANEW), seconds)
    after, done = resident(bed, "api-reads"), len(here.latencies) + len(anew.latencies)
    return [
        _rates("leaderboard reads/s, 100 rows", here, there, "≥ 0.8 x"),
        _rates("the same, 99 rows, built anew", anew, bare_anew, "≥ 0.9 x"),
        ServiceRow(
            what="its p99", ours=in_ms(here.p99), baseline=f"the same {in_ms(there.p99)}", ratio=here.p99 / there.p99, target=""
        ),
        ServiceRow(
            what=f"resident memory after {done} reads",
            ours=f"{after:.0f} MiB",
            baseline=f"before {before:.0f} MiB",
            ratio=after / before,
            target="flat",
        ),
    ]


def _rates(what: str, ours: Load, bare: Load, target: str) -> ServiceRow:
    return ServiceRow(
        what=what,
        ours=f"{ours.rate:.0f}",
        baseline=f"bare FastAPI + asyncpg {bare.rate:.0f}",
        ratio=ours.rate / bare.rate,
        target=target,
    )


async def _turns(ports_: Sequence[int], request: Callable[[], bytes], seconds: float) -> list[Load]:
    """The same load on each, in turns; the first turn warms up, and does not count."""
    loads = [Load() for _ in ports_]
    for turn in range(1 + TURNS):
        for port, kept in zip(ports_, loads, strict=True):
            found = await load(port, request, CONNECTIONS, seconds / TURNS)
            if turn:
                kept.add(found)
    return loads


async def writes(bed: Bed, seconds: float) -> list[ServiceRow]:
    """Signed submissions, one and 64 to a request."""
    await bed.make("writes", 0, 0)
    port, numbers = await bed.serve("api-writes", "writes"), count()
    await _accepts(bed, port, numbers)
    rows = []
    for each in (1, 64):
        done = await load(port, lambda each=each: _submission(bed, numbers, each), CONNECTIONS, seconds)  # type: ignore[misc]
        rows.append(
            ServiceRow(
                what=f"submissions/s, {each} a request, signed",
                ours=f"{each * done.rate:.0f}",
                baseline=f"p99 {in_ms(done.p99)}",
                ratio=None,
                target="",
            )
        )
    return rows


async def _accepts(bed: Bed, port: int, numbers: "count[int]") -> None:
    """Wait until a signed request is accepted: a new store of nonces refuses signatures of its first seconds."""
    until = time.monotonic() + _START_SECONDS
    while (await fetch(port, _submission(bed, numbers, 1)))[0] >= 300:
        if time.monotonic() > until:
            raise RuntimeError("no signed request is accepted")
        await asyncio.sleep(0.2)


def _submission(bed: Bed, numbers: "count[int]", each: int) -> bytes:
    keys = [hashlib.sha256(str(next(numbers)).encode()).hexdigest() for _ in range(each)]
    submissions = [
        {
            "hotkey": f"hotkey-{key[:30]}",
            "public_key": key,
            "commit_block": 1,
            "tiebreak": key,
            "commitment": "v1",
            "repo": "lab/voice",
            "revision": key[:40],
            "tag": key[:32],
        }
        for key in keys
    ]
    body = json.dumps({"submissions": submissions}).encode()
    signed = http_auth.sign(bed.wallet, method="POST", path="/v1/submissions", body=body, receiver_ss58=bed.hotkey)
    headers = {"Host": "bench", "Content-Type": "application/json", "Content-Length": str(len(body)), **signed}
    return b"".join(
        [b"POST /v1/submissions HTTP/1.1\r\n", *(f"{k}: {v}\r\n".encode() for k, v in headers.items()), b"\r\n", body]
    )


async def jobs(bed: Bed, seconds: float) -> list[ServiceRow]:
    """One worker each, no work in it."""
    await bed.make("jobs", 0, 0)
    most, number = 4 * seconds, 2_000
    async with open_pool(bed.database("jobs"), application="bench") as pool:
        ours = await through_the_service(pool, bed.processes, bed.folder, bed.shared("jobs"), number, most=most)
    bare = await through_rq(bed.redis, bed.processes, number, most)
    return [
        ServiceRow(
            what="no-op jobs/s, row to verdict, one worker",
            ours=f"{ours:.0f}",
            baseline=f"RQ alone {bare:.0f}",
            ratio=ours / bare,
            target="≥ 0.5 x",
        )
    ]


async def large(bed: Bed, seconds: float, submissions: int, samples: int) -> list[ServiceRow]:
    """p99 of each read on a large database against a small one."""
    began = time.monotonic()
    await bed.make("large", submissions, samples)
    await bed.make("little", SMALL, SMALL_SAMPLES)
    filled = time.monotonic() - began
    numbers = (pick_port(None), pick_port(None))
    big, little = await bed.serve("api-large", "large", numbers[0]), await bed.serve("api-little", "little", numbers[1])
    rows = [
        ServiceRow(
            what=f"filling {submissions:,} submissions and {samples:,} samples",
            ours=f"{filled:.0f} s",
            baseline="",
            ratio=None,
            target="",
        )
    ]
    for path, ports in (*((path, (big, little)) for path in await _served(little)), ("/metrics", numbers)):
        loads = await _turns(ports, lambda path=path: get(path), seconds)  # type: ignore[misc]
        rows.append(
            ServiceRow(
                what=f"p99 of {path}",
                ours=in_ms(loads[0].p99),
                baseline=f"small database {in_ms(loads[1].p99)}",
                ratio=loads[0].p99 / loads[1].p99,
                target="≤ 2 x",
            )
        )
    return rows


async def _served(port: int) -> list[str]:
    """The reads that there are, with arguments that exist in every database."""
    paths = (
        ANEW,
        "/v1/submissions",
        "/v1/submissions?hotkey=hotkey-7",
        "/v1/submissions/500",
        "/v1/queue",
        "/v1/rounds",
    )
    more = ("/v1/rounds/3", "/v1/evaluations", "/v1/evaluations?round=3", "/v1/evaluations/500", "/v1/evaluations/500/samples")
    receipt = hashlib.md5(b"7", usedforsecurity=False).hexdigest() + hashlib.md5(b"r7", usedforsecurity=False).hexdigest()
    asked = (*paths, *more, f"/v1/receipts/{receipt}")
    return [path for path in asked if (await fetch(port, get(path)))[0] == 200]


@dataclass(frozen=True, slots=True)
class ScaleStudy:
    """What was measured of many workers, where and when."""

    where: str
    points: tuple[ScalePoint, ...]
    crowd: CrowdCost


async def many_workers(bed: Bed, seconds: float, out: Path | None) -> list[ServiceRow]:
    """Fleets of real workers, and the cost of a thousand that do nothing; kept in a file if one is named."""
    points, cost = await scale(bed, seconds), await crowd(bed, seconds)
    if out is not None:
        kept = json.dumps(asdict(ScaleStudy(where(), tuple(points), cost)), indent=1)
        await asyncio.to_thread(out.write_text, kept + "\n", encoding="utf-8")
    return [*as_rows(points), *crowd_rows(cost)]


def where() -> str:
    """The machine, and the day."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"


async def measure(bed: Bed, options: argparse.Namespace) -> list[ServiceRow]:
    """Every section that was asked for; standard error hears of each, as all of them take minutes."""
    seconds, told = options.seconds, Console(stderr=True, highlight=False)
    sections: Mapping[str, Callable[[], Awaitable[list[ServiceRow]]]] = {
        "reads": partial(reads, bed, seconds),
        "pages": partial(pages, bed, seconds),
        "writes": partial(writes, bed, seconds),
        "jobs": partial(jobs, bed, seconds),
        "scale": partial(many_workers, bed, seconds, options.out),
        "pooler": partial(pooler, bed, seconds),
        "large": partial(large, bed, seconds, options.submissions, options.samples),
    }
    rows: list[ServiceRow] = []
    for name in filter(options.only.__contains__, SECTIONS):
        began = time.monotonic()
        told.print(f"{name} …")
        rows += await sections[name]()
        told.print(f"{name}: {time.monotonic() - began:.0f} s")
    return rows


def main() -> None:
    """Measure, and print; servers are stopped when it is ended, too."""
    signal.signal(signal.SIGTERM, lambda _signum, _frame: sys.exit(143))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_service")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each thing that is measured")
    parser.add_argument("--submissions", type=int, default=100_000)
    parser.add_argument("--samples", type=int, default=3_000_000)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--out", type=Path, help="where what was measured of many workers is kept")
    options = parser.parse_args()
    with Bed.standing("voice-bench-") as bed:
        rows = asyncio.run(measure(bed, options))
    if options.json:
        print(json.dumps({"where": where(), "rows": [asdict(row) for row in rows]}))  # noqa: T201
        return
    table = Table("what", "ours", "baseline", "ratio", "target", title=where())
    for row in rows:
        table.add_row(row.what, row.ours, row.baseline, "" if row.ratio is None else f"{row.ratio:.2f} x", row.target)
    Console().print(table)


if __name__ == "__main__":
    main()
