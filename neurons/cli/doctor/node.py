"""What the checks of a node read in common: its settings, its database and its chain, each opened once and only where it is asked for."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from neurons.chain import wallets
from neurons.chain.adapter import Chain
from neurons.chain.types import ChainUnavailable, Metagraph
from neurons.cli.options import ChainOptions, given, open_chain
from neurons.doctor.chain_health import ChainView, read_chain
from neurons.doctor.examine import Once
from neurons.doctor.host_health import DiskSpace, disk_space
from neurons.settings import ChainSettings, CompetitionSettings, MigrationSettings, RedisSettings
from scoring.competition import Schedule, load
from scoring.types import Hotkey
from voice_api.db.database import Pool, connect
from voice_api.db.health import NodeHealth, ServerHealth, told_refusals
from voice_api.runtime.redis_state import RedisState, redis_state

PATIENCE = timedelta(seconds=8)
"""For a connection, and for each answer: a host that judges is busy, and must not be told that its database is away."""
_CONNECTIONS = 4
Settings = TypeVar("Settings", bound=ChainSettings)


def utc_now() -> datetime:
    """The time by this host's clock."""
    return datetime.now(UTC)


async def _close(chain: Chain) -> None:
    """Close a connection of which nobody waits for the end: one that hangs is left behind."""
    with suppress(ChainUnavailable, TimeoutError):
        async with asyncio.timeout(1):
            await chain.aclose()


class Node:
    """The node that the settings and the options name."""

    def __init__(
        self,
        options: ChainOptions,
        competition: Path | None,
        stack: AsyncExitStack,
        now: Callable[[], datetime] = utc_now,
        space: Callable[[Path], DiskSpace] = disk_space,
        patience: timedelta = PATIENCE,
    ) -> None:
        """Whatever is opened is closed by `stack`; `now` and `space` are the host's clock and disks, `patience` is for each answer."""
        self._options, self._competition, self._stack = options, competition, stack
        self.now, self.space, self.patience = now, space, patience
        self.pool, self.chain = Once(self._open_pool), Once(self._open_chain)
        self.view, self.metagraph = Once(self._read_view), Once(self._read_metagraph)
        self.moment, self.redis = Once(self._read_moment), Once(self._read_redis)

    def chain_settings(self, kind: type[Settings]) -> Settings:
        """The settings of one kind, with the options; raises ValidationError."""
        return self._options.settings(kind)

    @property
    def schedule(self) -> Schedule:
        """The rules; raises ValidationError, PlatformError(COMPETITION_INVALID)."""
        return load(CompetitionSettings(**given(competition=self._competition)).competition)

    @property
    def hotkey(self) -> Hotkey:
        """The wallet's hotkey; no key is unlocked. Raises PlatformError(WALLET_MISSING)."""
        settings = self.chain_settings(ChainSettings)
        return wallets.hotkey_address(settings.wallet, settings.wallet_hotkey, settings.wallet_path)

    async def _open_pool(self) -> Pool:
        url = MigrationSettings().database_url.get_secret_value()
        pool = await connect(
            url, application="voice doctor", size=_CONNECTIONS, lazy=True, patience=self.patience.total_seconds()
        )
        self._stack.push_async_callback(pool.close)
        return pool

    async def _open_chain(self) -> Chain:
        settings = self.chain_settings(ChainSettings)
        patience = min(settings.chain_timeout, self.patience)
        chain = open_chain(settings.model_copy(update={"chain_timeout": patience}))
        await chain.open()
        self._stack.push_async_callback(_close, chain)
        return chain

    async def _read_view(self) -> ChainView:
        return await read_chain(await self.chain(), self.now)

    async def _read_metagraph(self) -> Metagraph:
        return await (await self.chain()).metagraph()

    async def _read_moment(self) -> ServerHealth:
        with told_refusals():
            return await NodeHealth(await self.pool()).moment(self.now)

    async def _read_redis(self) -> RedisState:
        return await redis_state(RedisSettings().redis_url.get_secret_value(), self.patience)
