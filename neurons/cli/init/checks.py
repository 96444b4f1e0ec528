"""What `voice init` tries of the answers: whether the wallet, the database and what else they name is there."""

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from neurons.settings import ApiClientSettings, ChainSettings, ValidatorSettings
from scoring.errors import Code, PlatformError, VoiceError
from scoring.types import Hotkey
from voice_api.settings import ApiSettings, ProcessSettings
from workers.settings import WorkerSettings

_SECONDS = 10.0
"""The longest wait for an answer."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What was tried of one answer, and what came of it."""

    what: str
    holds: bool
    said: str
    """What was found, or what is wrong and what to do."""


def tried(settings: ProcessSettings) -> Iterator[Tried]:
    """Try everything that the settings of a role name, without changing anything."""
    for what, look in _looks(settings):
        try:
            yield Tried(what, True, look())
        except VoiceError as error:
            yield Tried(what, False, error.told)


def _looks(settings: ProcessSettings) -> Iterator[tuple[str, Callable[[], str]]]:
    if isinstance(settings, ChainSettings):
        yield "wallet", lambda: _hotkey(settings)
        yield "chain", lambda: _chain(settings)
    if isinstance(settings, ValidatorSettings | WorkerSettings | ApiSettings):
        yield "PostgreSQL", lambda: asyncio.run(_database(settings.database_url.get_secret_value()))
    if isinstance(settings, WorkerSettings | ApiSettings):
        yield "Redis", lambda: asyncio.run(_redis(settings.redis_url.get_secret_value()))
    if isinstance(settings, WorkerSettings):
        yield "data folder", lambda: _folder(settings.data)
    if isinstance(settings, ApiSettings):
        yield "port", lambda: _port(settings.host, settings.port)
    if isinstance(settings, ApiClientSettings):
        yield "voice API", lambda: asyncio.run(_api(settings))


def _hotkey(settings: ChainSettings) -> str:
    from neurons.chain import wallets

    return f"hotkey {wallets.hotkey_address(settings.wallet, settings.wallet_hotkey, settings.wallet_path)}"


def _chain(settings: ChainSettings) -> str:
    from neurons.chain import wallets
    from neurons.cli.options import open_chain

    try:
        hotkey: Hotkey | None = wallets.hotkey_address(settings.wallet, settings.wallet_hotkey, settings.wallet_path)
    except PlatformError:  # the row of the wallet says so
        hotkey = None

    async def ask() -> str:
        async with open_chain(settings) as chain:
            found = await chain.metagraph()
        mine = next((neuron for neuron in found.neurons if neuron.hotkey == hotkey), None)
        registered = "the hotkey is not registered yet" if mine is None else f"the hotkey is uid {mine.uid}"
        return f"subnet {found.netuid} at block {found.block}; {registered}"

    return asyncio.run(ask())


async def _database(url: str) -> str:
    from voice_api.db import migrate
    from voice_api.db.database import open_pool

    async with open_pool(url, size=1) as pool:
        is_new = await migrate.at_head(pool)
    return "answers, and its schema is this version's" if is_new else "answers; `voice db upgrade` makes or renews its tables"


async def _redis(url: str) -> str:
    from voice_api.runtime.reachable import check_redis

    await check_redis(url)
    return "answers"


def _folder(path: Path) -> str:
    """A folder that is there, or whose nearest parent takes one."""
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise PlatformError(Code.SETTING_INVALID, f"nothing can be written to {there}; name another --data")
    return str(path) if there == path else f"{path} will be made"


def _port(host: str, port: int) -> str:
    from voice_api.runtime.reachable import check_free

    check_free(host, port)
    return f"{host}:{port} is free"


async def _api(settings: ApiClientSettings) -> str:
    from neurons.api_client.client import VoiceApi

    async with VoiceApi(settings.api_url, timeout=_SECONDS) as api:
        await api.rounds(limit=1)
    return f"{settings.api_url} answers"
