"""How often a tick asks the database, and the model queue the API: the same for a long history and many miners as for few."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import bittensor as bt
import httpx
import pytest

from benchmarks.targets import MOST_REQUESTS
from benchmarks.validator_history import History, fill
from benchmarks.validator_ticks import KINDS, ValidatorBench, queue_tick
from scoring.competition import load
from scoring.types import Hotkey, RoundNumber
from voice_api.db.database import Pool
from voice_api.settings import ApiSettings

SCHEDULE = load()
Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
STATEMENTS = {"opens a round": 18, "waits for verdicts": 4, "closes a round": 11, "folds a round": 18, "waits for blocks": 5}


async def after_one_round(pool: Pool, wallet: bt.Wallet, history: History, folder: Path) -> ValidatorBench:
    """A validator over a history, after one more round."""
    await fill(pool, Hotkey(wallet.hotkey.ss58_address), history, SCHEDULE.at(RoundNumber(history.rounds)))
    bench = ValidatorBench.over(pool, wallet, history, SCHEDULE, folder)
    await bench.play(RoundNumber(history.rounds + 1))
    return bench


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(History(miners=24, rounds=4, samples=4), id="few miners, four rounds"),
        pytest.param(History(miners=72, rounds=40, samples=4), id="three times the miners, ten times the rounds"),
    ],
)
async def test_a_tick_asks_as_often_whatever_the_history(
    pool: Pool,
    writer: bt.Wallet,
    tmp_path: Path,
    history: History,
    api_settings: Callable[..., ApiSettings],
    serve: Serve,
) -> None:
    """Statements of each kind of tick, and at most three requests of the model queue, also when everybody committed again."""
    bench = await after_one_round(pool, writer, history, tmp_path)
    assert {kind: bench.costs[kind].asked for kind in KINDS} == STATEMENTS
    transport = await serve(api_settings(hotkey=writer.hotkey.ss58_address))
    quiet = await queue_tick(bench, "http://voice.test", "nothing new", transport)
    bench.chain.later = 7_200
    busy = await queue_tick(bench, "http://voice.test", "everybody committed again", transport)
    assert (quiet.asked, busy.asked) == (MOST_REQUESTS - 1, MOST_REQUESTS)
