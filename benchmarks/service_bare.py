"""The least that could serve the leaderboard: FastAPI and asyncpg, one route, the same queries, the same bytes.

It takes DATABASE_URL from the environment, and from BENCH_HEAD what the answer begins with, up to its rows.
"""

import argparse
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import uvicorn
from fastapi import FastAPI, Request, Response

from voice_api.db.database import sql
from voice_api.db.leaderboard import TREND
from voice_api.schemas import SubmissionOut
from voice_api.schemas.leaderboard import RoundScoreOut

NOBODY = "nobody"
"""The validator whose ledger ranks: as with the API, there is none here."""
SUBMISSION, SCORE = tuple(SubmissionOut.model_fields), tuple(RoundScoreOut.model_fields)
UNRANKED = {
    "rank": None,
    "king": False,
    "place": None,
    "share": 0.0,
    "weight": 0.0,
    "credit": 0,
    "score": None,
    "stderr": None,
    "low": None,
    "high": None,
    "groups": 0,
    "evidence": "",
    "lineage": "",
    "lacks": "",
}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """With a pool as large as the API's."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], max_size=10) as pool:
        app.state.pool, app.state.head = pool, os.environ["BENCH_HEAD"]
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/v1/leaderboard")
async def leaderboard(request: Request, limit: int = 100) -> Response:
    """The rows as they are, as JSON."""
    async with request.app.state.pool.acquire() as connection:
        await connection.fetchrow(sql("leaderboard.version"), NOBODY)
        rows = await connection.fetch(sql("leaderboard.rest"), [], [], None, None, None, "", limit + 1, TREND)
    shown = [_row(row) for row in rows[:limit]]
    last = shown[-1]["entrant"] if len(rows) > limit else None
    text = json.dumps(shown, separators=(",", ":"), ensure_ascii=False, default=_time)
    return Response(f'{request.app.state.head}{text},"next":{json.dumps(last)}}}', media_type="application/json")


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    scores = zip(*(reversed(row[name] or ()) for name in ("evaluations", "rounds", "scores", "stderrs")), strict=True)
    return {
        **UNRANKED,
        "entrant": f"{row['hotkey']}@{row['commit_block']}",
        "hotkey": row["hotkey"],
        "uid": row["uid"],
        "track": row["track"],
        "scored_rounds": row["scored_rounds"],
        "last_score": row["score"],
        "reason": _reason(row),
        "trend": [dict(zip(SCORE, each, strict=True)) for each in scores],
        "submission": {name: row[name] for name in SUBMISSION},
    }


def _reason(row: Mapping[str, Any]) -> str:
    if row["state"] == "queued":
        return f"not judged yet: committed in block {row['commit_block']}"
    if row["state"] != "scored":
        return str(row["reason"])
    return (
        f"scored in round {row['scored_round']}: it is ranked once that round is folded"
        if row["uid"] is not None
        else "its hotkey is not registered"
    )


def _time(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    uvicorn.run(app, host="127.0.0.1", port=parser.parse_args().port, log_level="warning", access_log=False)
