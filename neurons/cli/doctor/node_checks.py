"""Checks of what a node stands on: wallet, chain, database, Redis, hub and API."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from functools import partial

from pydantic import ValidationError

from neurons.api_client.client import VoiceApi
from neurons.chain import wallets
from neurons.cli.doctor.node import Node
from neurons.doctor import chain_health, database_health, service_health
from neurons.doctor.catalogue import CheckName
from neurons.doctor.chain_health import LONGEST_WAIT
from neurons.doctor.examine import Check, in_thread
from neurons.doctor.finding import Finding, well
from neurons.settings import ApiClientSettings, ChainSettings, MinerSettings
from scoring.errors import InfrastructureFault, PlatformError
from voice_api.db.health import NodeHealth, told_refusals
from voice_api.db.migrate import head
from voice_api.db.operations import Watch
from voice_api.db.pages import PageRows
from voice_api.db.processes import Workers
from voice_api.db.states import QueueName
from voice_api.settings import ApiSettings

_CHAIN = LONGEST_WAIT + timedelta(seconds=5)
_HUB = timedelta(seconds=18)
_DAY = timedelta(days=1)
_REGISTRY_LASTS: timedelta = ApiSettings.model_fields["registry_lasts"].default


def wallet(node: Node) -> Sequence[Check]:
    """The wallet, by its public file."""

    async def look() -> Sequence[Finding]:
        settings = node.chain_settings(ChainSettings)
        wallets.check(settings.wallet, settings.wallet_hotkey, settings.wallet_path)
        return (well(CheckName.WALLET, f"{settings.wallet}/{settings.wallet_hotkey}: {node.hotkey}"),)

    return (Check(names=(CheckName.WALLET,), look=look),)


def chain(node: Node) -> Sequence[Check]:
    """The chain and this host's clock."""

    async def look() -> Sequence[Finding]:
        return chain_health.head(await node.view())

    return (Check(names=(CheckName.CHAIN, CheckName.CLOCK), look=look, within=_CHAIN),)


def registration(node: Node) -> Sequence[Check]:
    """The hotkey's place on the subnet."""

    async def place() -> Sequence[Finding]:
        return (chain_health.place(await node.metagraph(), node.hotkey)[0],)

    return (Check(names=(CheckName.REGISTRATION,), look=place),)


def commitment(node: Node) -> Sequence[Check]:
    """What a miner committed."""

    async def committed() -> Sequence[Finding]:
        return (chain_health.commitment(await node.metagraph(), node.hotkey),)

    return (Check(names=(CheckName.COMMITMENT,), look=committed),)


def database(node: Node) -> Sequence[Check]:
    """PostgreSQL, its schema and its clock."""

    async def look() -> Sequence[Finding]:
        return database_health.server(await node.moment(), head())

    return (Check(names=(CheckName.DATABASE, CheckName.SCHEMA, CheckName.DATABASE_CLOCK), look=look),)


def queues(node: Node) -> Sequence[Check]:
    """The dispatcher, and what waits."""

    async def led() -> Sequence[Finding]:
        with told_refusals():
            return (database_health.dispatcher(await Watch(await node.pool()).led()),)

    async def waiting() -> Sequence[Finding]:
        with told_refusals():
            return database_health.queues(await NodeHealth(await node.pool()).tracks())

    async def parked() -> Sequence[Finding]:
        with told_refusals():
            return (database_health.parked(await PageRows(await node.pool()).incidents()),)

    return (
        Check(names=(CheckName.DISPATCHER,), look=led),
        Check(names=(CheckName.QUEUES,), look=waiting),
        Check(names=(CheckName.PARKED,), look=parked),
    )


def workers(node: Node, judged: Collection[str] = ()) -> Sequence[Check]:
    """Live workers, beside the tracks that need them: those that are `judged` here, or all."""

    async def look() -> Sequence[Finding]:
        needed: dict[QueueName, list[str]] = {}
        for track in node.schedule.version[-1].track:
            if not judged or track.name in judged:
                needed.setdefault(QueueName.of(track.synthesis.device), []).append(track.name)
        with told_refusals():
            found = await Workers(await node.pool()).live(_DAY)
        return database_health.workers(found, needed, (await node.moment()).at)

    return (Check(names=(CheckName.WORKERS,), look=look),)


def registry(node: Node) -> Sequence[Check]:
    """The registry that the model queue sends, by the API's default of how long it holds."""
    return _registry(node, lambda: _REGISTRY_LASTS)


def own_registry(node: Node) -> Sequence[Check]:
    """The registry, by the API's own setting."""
    return _registry(node, lambda: ApiSettings().registry_lasts)


def _registry(node: Node, lasts: Callable[[], timedelta]) -> Sequence[Check]:
    async def look() -> Sequence[Finding]:
        with told_refusals():
            return (database_health.registry(await Watch(await node.pool()).registry_age(), lasts()),)

    return (Check(names=(CheckName.REGISTRY,), look=look),)


def redis(node: Node) -> Sequence[Check]:
    """Redis, and what it remembers of signed requests."""

    async def look() -> Sequence[Finding]:
        return service_health.redis(await node.redis())

    return (Check(names=(CheckName.REDIS, CheckName.NONCES), look=look),)


def hub(node: Node) -> Sequence[Check]:
    """The model hub."""

    def ask() -> Finding:
        from workers.hub.client import Hub, Timeouts

        settings = MinerSettings()
        brief = Timeouts(answer=node.patience, peek=2 * node.patience)
        hub = Hub(settings.hub, settings.data / "models", brief)
        try:
            hub.check()
        except InfrastructureFault as exc:
            return service_health.hub_away(settings.hub, exc)
        return service_health.hub(settings.hub, works=hub.works())

    async def look() -> Sequence[Finding]:
        return (await in_thread(ask),)

    return (Check(names=(CheckName.HUB,), look=look, within=_HUB),)


def api(node: Node) -> Sequence[Check]:
    """The voice API as others reach it, and the hotkey that it answers as."""
    return _api(node, _nothing_named)


def own_api(node: Node) -> Sequence[Check]:
    """The voice API of this host, of whose parts there are rows."""
    return _api(node, partial(_named, node))


def _api(node: Node, named: Callable[[], Awaitable[Collection[str]]]) -> Sequence[Check]:
    async def look() -> Sequence[Finding]:
        settings = node.chain_settings(ApiClientSettings)
        async with VoiceApi(settings.api_url, timeout=node.patience.total_seconds()) as client:
            return await service_health.ask_api(client, settings.api_url, settings.api_hotkey, await named())

    return (Check(names=(CheckName.API, CheckName.API_HOTKEY), look=look),)


async def _nothing_named() -> Collection[str]:
    return ()


async def _named(node: Node) -> Collection[str]:
    """The parts of the API that this host finds away as well, and those that it reads where the API does."""
    parts = {"registry", "dispatcher", "workers"}
    try:
        moment = await node.moment()
        parts |= {"migrations"} if moment.revision != head() else set()
    except (PlatformError, ValidationError):
        parts |= {"database", "migrations"}
    try:
        state = await node.redis()
        return parts if state.knows_nonces else parts | {"nonces"}
    except (PlatformError, ValidationError):
        return parts | {"redis", "nonces"}
