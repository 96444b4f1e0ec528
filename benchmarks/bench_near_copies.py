"""How long a worker waits for the sketches that are like one's own, in PostgreSQL among 100,000 artifacts (`make bench-near-copies`).

One artifact in 50 is a near-copy that shares 24 of its 32 bands; those and their originals have sketches of 500 tensors (40 kB), all
others small ones. So that the index has something to sort out, every artifact shares its first band with a thousandth of the others:
far more than chance makes. The worker's own question is timed, with what it reads of the answer.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import numpy as np

from neurons.localnet.services import start_postgres
from scoring.types import SubmissionId
from voice_api.db import migrate
from voice_api.db.copies import NearCopies, SketchRecord
from voice_api.db.database import connection_to, open_pool

_LOAD = """
set local session_replication_role = replica;
insert into submissions (hotkey, commit_block, tiebreak, public_key, commitment, repo, revision, tag, refused, state)
select 'hotkey-' || n % 10000, n, md5(n::text), repeat(md5(n::text), 2), 'v2', 'a/b-' || n, repeat('a', 40), md5(n::text), false, 'scored'
from generate_series(1, {artifacts}) n;
insert into sketches (submission_id, key_id, bands, sketch)
select n, 1, array(
    select ('x' || substr(md5(
        case when band = 1 then n % 1000 when n % 50 = 0 and band > 8 then n - 1 else n end || ':' || band
    ), 1, 16))::bit(64)::bigint
    from generate_series(1, 32) band
), decode(repeat(md5(n::text), case when n % 50 in (0, 49) then 2500 else 8 end), 'hex')
from generate_series(1, {artifacts}) n;
"""


async def measure(url: str, artifacts: int, questions: int) -> str:
    """Fill a database and ask; the times in words."""
    await migrate.upgrade(url)
    async with connection_to(url) as connection:
        async with connection.transaction():
            await connection.execute(_LOAD.format(artifacts=artifacts), timeout=900)
        await connection.execute("vacuum analyze", timeout=600)
    draw = np.random.default_rng(1)
    asked = [SubmissionId(int(number)) for number in draw.integers(1, artifacts // 50, size=questions) * 50]
    times = []
    async with open_pool(url, size=1) as pool:
        copies = NearCopies(pool)
        async with pool.connection() as connection:
            query = "select key_id, bands, sketch from sketches where submission_id = $1"
            kept = [SketchRecord(*await connection.fetchrow(query, number)) for number in asked]
        for number, own in zip(asked, kept, strict=True):
            began = time.perf_counter()
            found = await copies.alike(number, own)
            times.append(1000.0 * (time.perf_counter() - began))
            if found[0].owner.submission_id != number - 1:
                raise SystemExit(f"artifact {number} is near {number - 1}, and that was not found first")
    half, most = np.quantile(times, [0.5, 0.99])
    return f"{artifacts:,} artifacts, {questions:,} questions: half within {half:.1f} ms, 99 % within {most:.1f} ms"


def main() -> None:
    """Measure on a PostgreSQL of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--artifacts", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=1_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        postgres = start_postgres(Path(folder))
        try:
            print(asyncio.run(measure(postgres.url, options.artifacts, options.questions)))  # noqa: T201
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
