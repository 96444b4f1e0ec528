"""The least that could serve the leaderboard: FastAPI and asyncpg, one route, the same query, the same bytes.

Usage: python -m benchmarks.service_bare PORT, with DATABASE_URL set
"""

import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import uvicorn
from fastapi import FastAPI, Request, Response

from voice_api.db.database import sql
from voice_api.schemas import LeaderboardRowOut, SubmissionOut

ROW = tuple(name for name in LeaderboardRowOut.model_fields if name != "submission")
NOBODY = "nobody"
"""The validator whose ledger names the king: as with the API, there is none here."""
SUBMISSION = tuple(SubmissionOut.model_fields)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """With a pool as large as the API's."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], max_size=10) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/v1/leaderboard")
async def leaderboard(request: Request, limit: int = 100) -> Response:
    """The rows as they are, as JSON."""
    async with request.app.state.pool.acquire() as connection:
        rows = await connection.fetch(sql("submissions.leaderboard"), limit, NOBODY)
    body = json.dumps({"rows": [_row(row) for row in rows]}, separators=(",", ":"), ensure_ascii=False, default=_time)
    return Response(body, media_type="application/json")


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ROW} | {"submission": {name: row[name] for name in SUBMISSION}}


def _time(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
