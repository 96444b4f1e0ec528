"""The least that could share work over PostgreSQL: processes that take a row with SKIP LOCKED, work, and write that it is done.

It takes DATABASE_URL, of an empty database, from the environment, and prints rows per second.
"""

import argparse
import asyncio
import multiprocessing
import os
import time

import asyncpg

_MAKE = """
create table if not exists jobs (id bigserial primary key, state text not null default 'queued', token uuid, answer json);
create index if not exists jobs_due on jobs (id) where state = 'queued';
truncate jobs restart identity;
insert into jobs (state) select 'queued' from generate_series(1, 100000);
analyze jobs;
"""
_CLAIM = """
update jobs set state = 'running', token = gen_random_uuid()
where id = (select id from jobs where state = 'queued' order by id for update skip locked limit 1)
returning id, token
"""
_FINISH = "update jobs set state = 'done', token = null, answer = '{}' where id = $1 and token = $2 and state = 'running'"


async def _make(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(_MAKE)
    await connection.close()


async def _work(url: str, seconds: float, work: float) -> int:
    connection, done, until = await asyncpg.connect(url), 0, time.monotonic() + seconds
    while time.monotonic() < until and (row := await connection.fetchrow(_CLAIM)) is not None:
        time.sleep(work)  # noqa: ASYNC251  # nothing else is to be done here meanwhile
        await connection.execute(_FINISH, row["id"], row["token"])
        done += 1
    await connection.close()
    return done


def _process(url: str, seconds: float, work: float) -> int:
    return asyncio.run(_work(url, seconds, work))


def main() -> None:
    """Share the rows among so many processes for so long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("processes", type=int)
    parser.add_argument("seconds", type=float, help="for so long")
    parser.add_argument("work", type=float, help="seconds of each row's work")
    asked, url = parser.parse_args(), os.environ["DATABASE_URL"]
    asyncio.run(_make(url))
    with multiprocessing.Pool(asked.processes) as pool:
        done = pool.starmap(_process, [(url, asked.seconds, asked.work)] * asked.processes)
    print(sum(done) / asked.seconds)  # noqa: T201


if __name__ == "__main__":
    main()
