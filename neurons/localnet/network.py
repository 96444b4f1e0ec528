"""The local network: services, chain, wallets, models and processes, from nothing to running."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import bittensor as bt

from neurons.chain import wallets
from neurons.devchain import operations
from neurons.devchain.genesis import RAO
from neurons.localnet import models, repositories, services
from neurons.localnet.layout import Layout
from neurons.localnet.services import EmbeddedService
from neurons.localnet.stack import Stack
from neurons.settings import DemoSettings
from neurons.validator import certification
from scoring.types import Hotkey
from voice_api.db import migrate
from voice_api.db.demo import database_on
from voice_api.keys import ServiceKey

NETUID = 1
BLOCK_SECONDS = 0.5
WORKERS = 2
HOTKEY = "default"
COMPETITION = Path(__file__).with_name("competition.toml")
_VALIDATOR_STAKE = 1_000 * RAO
_CERTIFICATE_LASTS = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Miner:
    """One of the six miners."""

    role: str
    """Also the name of its wallet."""
    hotkey: Hotkey
    folder: Path
    """The model, before it is published."""
    repo: str
    revision: str
    """The published revision of `repo`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A running local network."""

    layout: Layout
    stack: Stack
    api_url: str
    metrics_url: str
    """The API's numbers."""
    hub_url: str
    api_hotkey: Hotkey
    miners: tuple[Miner, ...]


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of 127.0.0.1; None asks for a free one."""

    api: int | None = None
    hub: int | None = None


@contextmanager
def running(layout: Layout, wanted: Ports) -> Iterator[Network]:
    """Start everything, in the order in which things need each other, and stop it in reverse, whatever happens."""
    api_port, hub_port, metrics_port = services.pick_port(wanted.api), services.pick_port(wanted.hub), services.pick_port(None)
    with ExitStack() as stack:
        postgres, redis = _postgres(layout), _redis(layout)
        stack.callback(postgres.stop)
        stack.callback(redis.stop)
        asyncio.run(migrate.upgrade(postgres.url))
        miners = _settle(layout)
        processes = Stack(layout.logs)
        stack.callback(processes.stop)
        validator = _hotkey(layout, "validator")
        network = Network(
            layout=layout,
            stack=processes,
            api_url=f"http://127.0.0.1:{api_port}",
            metrics_url=f"http://127.0.0.1:{metrics_port}/metrics",
            hub_url=f"http://127.0.0.1:{hub_port}",
            api_hotkey=validator,
            miners=miners,
        )
        _start(network, {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url})
        yield network


def _postgres(layout: Layout) -> EmbeddedService:
    """The server of DATABASE_URL with a database of the network's own, or an embedded one."""
    given = DemoSettings().database_url
    if given is None:
        return services.start_postgres(layout.postgres, durable=False)
    url = asyncio.run(database_on(given.get_secret_value(), keep=layout.devchain.exists()))
    return EmbeddedService(url, lambda: None)


def _redis(layout: Layout) -> EmbeddedService:
    """The server of REDIS_URL, or an embedded one."""
    given = DemoSettings().redis_url
    return services.start_redis(layout.redis) if given is None else EmbeddedService(given.get_secret_value(), lambda: None)


def _hotkey(layout: Layout, name: str) -> Hotkey:
    return Hotkey(wallets.load(name, HOTKEY, layout.wallets).hotkey.ss58_address)


def _settle(layout: Layout) -> tuple[Miner, ...]:
    """The chain with its owner, its validator and six miners, and their published models; made once, kept with --keep."""
    fresh = not layout.devchain.exists()
    if fresh:
        for name in ("owner", "validator", "queue", *models.ROLES):
            wallets.create(name, HOTKEY, layout.wallets)
        owner = wallets.load("owner", HOTKEY, layout.wallets)
        operations.create(
            layout.devchain,
            netuid=NETUID,
            block_seconds=BLOCK_SECONDS,
            owner_coldkey=owner.coldkeypub.ss58_address,
            owner_hotkey=owner.hotkey.ss58_address,
        )
        for name in ("validator", *models.ROLES):
            wallet = wallets.load(name, HOTKEY, layout.wallets)
            stake = _VALIDATOR_STAKE if name == "validator" else 0
            if stake:
                operations.faucet(layout.devchain, wallet.coldkeypub.ss58_address, stake)
            operations.register(layout.devchain, Hotkey(wallet.hotkey.ss58_address), wallet.coldkeypub.ss58_address, stake)
    folders = models.build(layout.models)
    return tuple(
        Miner(
            role=role,
            hotkey=_hotkey(layout, role),
            folder=folders[role],
            repo=repo,
            revision=repositories.publish(layout.hub, repo, folders[role]),
        )
        for role, repo in ((role, f"{role}-labs/voice") for role in models.ROLES)
    )


def _port(url: str) -> str:
    return str(urlsplit(url).port)


def _start(network: Network, databases: Mapping[str, str]) -> None:
    layout, stack = network.layout, network.stack
    chain = {
        "BT_NETWORK": "dev",
        "VOICE_NETUID": str(NETUID),
        "VOICE_DEVCHAIN": str(layout.devchain),
        "BT_WALLET_PATH": str(layout.wallets),
        "BT_WALLET_HOTKEY": HOTKEY,
        "VOICE_PAUSE_SECONDS": str(2 * BLOCK_SECONDS),
        "VOICE_COMPETITION": str(COMPETITION),
    }
    api = {"VOICE_API_URL": network.api_url, "VOICE_API_HOTKEY": network.api_hotkey}
    stack.start("hub", ["dev", "hub", "--root", str(layout.hub), "--port", _port(network.hub_url)], {})
    serving = {
        "VOICE_API_WRITERS": _hotkey(layout, "queue"),
        "VOICE_API_HOTKEY": network.api_hotkey,
        "VOICE_API_OPERATORS": network.api_hotkey,
        "HF_ENDPOINT": network.hub_url,
        "VOICE_STORE": str(layout.store),
        "VOICE_COPIES": str(layout.copies),
        "VOICE_COMPETITION": str(COMPETITION),
        "VOICE_RATE_PER_MINUTE": "0",  # blocks come every half second, and everybody has the same address
        "VOICE_RATE_ADDRESS_PER_MINUTE": "0",
        "VOICE_ADDRESS_CONNECTIONS": "0",
        "VOICE_METRICS_PORT": _port(network.metrics_url),
        "VOICE_SPEECH": "true",
        "VOICE_SPEECH_ADDRESS_PER_HOUR": "0",
    }
    stack.start("api", ["api", "--host", "127.0.0.1", "--port", _port(network.api_url)], {**databases, **serving})
    stack.start("dispatcher", ["dispatcher"], databases)
    for number in range(1, WORKERS + 1):
        worker = {
            **worker_identity(layout.worker(number), f"worker-{number}", wallets.load("validator", HOTKEY, layout.wallets)),
            "HF_ENDPOINT": network.hub_url,
            "VOICE_DATA": str(layout.worker(number)),
            "VOICE_STORE": str(layout.store),
            "VOICE_COMPETITION": str(COMPETITION),
            "VOICE_RETRY_FIRST_SECONDS": "5",
            "VOICE_LEASE_SECONDS": "60",
        }
        stack.start(f"worker-{number}", ["worker"], {**databases, **worker})
    stack.start("queue", ["queue", "run", "--wallet", "queue"], {**chain, **api})
    validator = {"DATABASE_URL": databases["DATABASE_URL"], "VOICE_REVOCATIONS": str(layout.revocations)}
    stack.start("validator", ["validator", "run", "--wallet", "validator"], {**chain, **validator})


def worker_identity(folder: Path, host: str, validator: bt.Wallet, lasts: timedelta = _CERTIFICATE_LASTS) -> dict[str, str]:
    """The service key of a worker, made in a folder if there is none, and its certificate, as the worker's environment."""
    key, certificate = folder / "service.key", folder / "service.cert.json"
    signed = certification.certify(validator, ServiceKey.at(key).address, host, lasts, datetime.now(UTC))
    certification.write(certificate, signed.to_json())
    return {"VOICE_SERVICE_KEY": str(key), "VOICE_CERTIFICATE": str(certificate)}
