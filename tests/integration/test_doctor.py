"""`voice doctor` and `voice status` of a whole node: silent when all is well, and each fault is named by its own row and no other."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from starlette.applications import Starlette

from neurons.chain import wallets
from neurons.cli.doctor.node import utc_now
from neurons.devchain import operations
from neurons.devchain.faults import FaultKind, FaultPlan
from neurons.doctor.catalogue import CheckName
from neurons.doctor.finding import Health
from neurons.doctor.host_health import DiskSpace
from neurons.doctor.role import Role
from neurons.localnet.hub_server import create_hub
from neurons.localnet.repositories import publish
from scoring.types import Block, Hotkey, RoundNumber
from tests.builders.addresses import ALICE
from tests.builders.command_line import Ended, voice
from tests.builders.ledger import a_ledger_entry, a_weight_attempt, some_inputs
from tests.integration import doctor_bed
from tests.integration.doctor_bed import FOLDED, NETUID, DoctorBed
from tests.integration.hub_thread import serving
from voice_api.db import roles
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.ledger import Ledger
from voice_api.db.processes import candidacy
from voice_api.db.rounds import NewRound, Rounds
from voice_api.db.states import Mechanism, RefusalClass, WeightOutcome
from voice_api.db.submissions import NewSubmission
from voice_api.db.weights import Weights
from voice_api.settings import ApiSettings

NOWHERE = "127.0.0.1:1"
SECRET = "hunter-2"
WEIGHTS = bytes(range(256)) * 8


@pytest.fixture(scope="module")
def hub_app(tmp_path_factory: pytest.TempPathFactory) -> Starlette:
    """A hub with one model, which fails as it is told."""
    root, model = tmp_path_factory.mktemp("hub"), tmp_path_factory.mktemp("model")
    (model / "model.safetensors").write_bytes(WEIGHTS)
    publish(root, "alice/voice", model)
    return create_hub(root)


@pytest.fixture(scope="module")
def hub_url(hub_app: Starlette) -> Iterator[str]:
    """Where it is served."""
    with serving(hub_app) as url:
        yield url


@pytest.fixture
async def bed(
    tmp_path: Path,
    pool: Pool,
    database_url: str,
    redis_url: str,
    hub_url: str,
    api_settings: Callable[..., ApiSettings],
    listen: Callable[..., str],
    new_submission: Callable[..., NewSubmission],
    new_round: Callable[..., NewRound],
    verdict: Callable[..., Verdict],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[DoctorBed]:
    """A node that is well, named by the environment."""
    settings = api_settings()
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "BT_NETWORK": "dev",
        "VOICE_NETUID": str(NETUID),
        "VOICE_DEVCHAIN": str(tmp_path / "chain.sqlite"),
        "VOICE_VERSION_KEY": "3",
        "BT_WALLET": "validator",
        "BT_WALLET_PATH": str(tmp_path / "wallets"),
        "VOICE_API_HOTKEY": settings.hotkey,
        "VOICE_API_URL": listen(settings),
        "VOICE_DATA": str(tmp_path),
        "VOICE_STORE": str(tmp_path / "store"),
        "HF_ENDPOINT": hub_url,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with candidacy(database_url) as dispatcher:
        assert await dispatcher.lead()
        opened = new_round(FOLDED + 1, start_block=Block(1_080), deadline_block=Block(5_000))
        yield await doctor_bed.make(tmp_path, pool, environment, new_submission(), opened, verdict())


async def test_a_node_that_is_well_says_so(bed: DoctorBed) -> None:
    """As every role at once: all can be looked at, and nothing is wrong but that this hotkey commits no model."""
    found = await bed.examined(*Role)
    wrong = [(each.check, each.health, each.value) for each in found if each.health is not Health.OK]
    assert wrong == [(CheckName.COMMITMENT, Health.WARNING, "nothing is committed yet")]


Break = Callable[[DoctorBed, pytest.MonkeyPatch], Awaitable[None]]
"""Breaks one part of a node."""
FAST = (Role.VALIDATOR, Role.WORKER, Role.API)
SLOW = frozenset({CheckName.SANDBOX, CheckName.JUDGES})


def elsewhere(name: str, value: str) -> Break:
    """A setting names something else."""

    async def set_it(_bed: DoctorBed, environment: pytest.MonkeyPatch) -> None:
        environment.setenv(name, value)

    return set_it


async def behind(bed: DoctorBed, _environment: pytest.MonkeyPatch) -> None:
    async with bed.pool.connection() as connection:
        await connection.execute("update alembic_version set version_num = '0001'")


async def newer_rules(bed: DoctorBed, _environment: pytest.MonkeyPatch) -> None:
    operations.change(bed.chain, "weights_version", 9, clock=lambda: time.time() - 60)


async def no_permit(bed: DoctorBed, environment: pytest.MonkeyPatch) -> None:
    keys = wallets.create("poor", "default", bed.folder / "wallets")
    coldkey, long_ago = keys.coldkeypub.ss58_address, lambda: time.time() - 300
    operations.faucet(bed.chain, coldkey, 10**10, clock=long_ago)
    operations.register(bed.chain, Hotkey(keys.hotkey.ss58_address), coldkey, clock=lambda: time.time() - 290)
    environment.setenv("BT_WALLET", "poor")
    environment.setenv("VOICE_TRUST", bed.validator)


async def frozen(bed: DoctorBed, _environment: pytest.MonkeyPatch) -> None:
    operations.add_fault(bed.chain, FaultPlan(kind=FaultKind.STALE), clock=lambda: time.time() - 120)


async def silent_chain(bed: DoctorBed, _environment: pytest.MonkeyPatch) -> None:
    operations.add_fault(bed.chain, FaultPlan(kind=FaultKind.DROP))


async def full(bed: DoctorBed, _environment: pytest.MonkeyPatch) -> None:
    bed.space = lambda _: DiskSpace(total=1 << 40, left=1 << 20, files_left=None)


async def no_worker(bed: DoctorBed, _environment: pytest.MonkeyPatch) -> None:
    async with bed.pool.connection() as connection:
        await connection.execute("update workers set seen_at = now() - interval '5 minutes'")


async def drained(bed: DoctorBed, _environment: pytest.MonkeyPatch) -> None:
    async with bed.pool.connection() as connection:
        await connection.execute("update workers set draining = true")


async def flushed(bed: DoctorBed, _environment: pytest.MonkeyPatch) -> None:
    with Redis.from_url(bed.environment["REDIS_URL"]) as redis:
        redis.flushdb()


async def parted(bed: DoctorBed, _environment: pytest.MonkeyPatch) -> None:
    await Ledger(bed.pool, Hotkey("other")).append(a_ledger_entry(FOLDED, king="h@1"))


async def dead_beacon(bed: DoctorBed, _environment: pytest.MonkeyPatch) -> None:
    lost = a_weight_attempt(1_150, WeightOutcome.EXPIRED, mechanism=Mechanism.SEALED, reveal_round=1)
    await Weights(bed.pool, bed.validator).record(lost)


async def certificate_ends(bed: DoctorBed, _environment: pytest.MonkeyPatch) -> None:
    ends = bed.certify(days=3).to_json()
    async with bed.pool.connection() as connection:
        await connection.execute("update evaluations set certificate = $1", ends)


async def own_certificate_ends(bed: DoctorBed, _environment: pytest.MonkeyPatch) -> None:
    bed.certify(days=3)  # of the worker; the receipts of yesterday have an older one, which holds


async def hub_404(_bed: DoctorBed, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HF_ENDPOINT", f"{os.environ['HF_ENDPOINT']}/healthz")  # under which there is nothing


async def refused_weights(bed: DoctorBed, _environment: pytest.MonkeyPatch) -> None:
    refused = a_weight_attempt(1_150, WeightOutcome.FAILED, error="no", refusal=RefusalClass.OURS)
    await Weights(bed.pool, bed.validator).record(refused)


async def refused_receipts(bed: DoctorBed, _environment: pytest.MonkeyPatch) -> None:
    ledger = Ledger(bed.pool, bed.validator)
    head = await ledger.head()
    assert head is not None
    assert await Rounds(bed.pool).close(RoundNumber(FOLDED + 1))
    inputs = some_inputs(distrusted={"h@1": "the profile's hash is another"})
    await ledger.append(a_ledger_entry(FOLDED + 1, previous=head.state_hash, inputs=inputs))


@pytest.mark.parametrize(
    ("break_it", "row", "health"),
    [
        pytest.param(
            elsewhere("DATABASE_URL", f"postgresql://:{SECRET}@{NOWHERE}/x"), CheckName.DATABASE, Health.FAILING, id="database"
        ),
        pytest.param(elsewhere("REDIS_URL", f"redis://:{SECRET}@{NOWHERE}/0"), CheckName.REDIS, Health.FAILING, id="redis"),
        pytest.param(elsewhere("VOICE_API_URL", f"http://{NOWHERE}"), CheckName.API, Health.FAILING, id="api"),
        pytest.param(elsewhere("BT_WALLET", "nobody"), CheckName.WALLET, Health.FAILING, id="wallet"),
        pytest.param(elsewhere("BT_NETWORK", ""), CheckName.CHAIN, Health.FAILING, id="no network"),
        pytest.param(elsewhere("BT_NETWORK", "nowhere"), CheckName.CHAIN, Health.FAILING, id="no such network"),
        pytest.param(elsewhere("VOICE_FOLLOW_URL", "nowhere"), CheckName.SETTINGS, Health.FAILING, id="setting"),
        pytest.param(elsewhere("VOICE_TRUST", ALICE), CheckName.TRUST, Health.FAILING, id="trust"),
        pytest.param(elsewhere("VOICE_NETUID", "8"), CheckName.REGISTRATION, Health.FAILING, id="netuid"),
        pytest.param(hub_404, CheckName.HUB, Health.FAILING, id="hub 404"),
        pytest.param(certificate_ends, CheckName.CERTIFICATE, Health.FAILING, id="certificate"),
        pytest.param(own_certificate_ends, CheckName.CERTIFICATE, Health.FAILING, id="a worker's own certificate"),
        pytest.param(no_permit, CheckName.PERMIT, Health.FAILING, id="permit"),
        pytest.param(behind, CheckName.SCHEMA, Health.FAILING, id="schema"),
        pytest.param(newer_rules, CheckName.VERSION_KEY, Health.FAILING, id="version key"),
        pytest.param(frozen, CheckName.CHAIN, Health.FAILING, id="chain stands still"),
        pytest.param(silent_chain, CheckName.CHAIN, Health.FAILING, id="chain away"),
        pytest.param(full, CheckName.DISK, Health.FAILING, id="disk"),
        pytest.param(no_worker, CheckName.WORKERS, Health.FAILING, id="worker gone"),
        pytest.param(drained, CheckName.WORKERS, Health.FAILING, id="worker drains"),
        pytest.param(flushed, CheckName.NONCES, Health.WARNING, id="redis flushed"),
        pytest.param(parted, CheckName.LEDGER, Health.FAILING, id="ledgers part"),
        pytest.param(dead_beacon, CheckName.SEALED_WEIGHTS, Health.FAILING, id="beacon"),
        pytest.param(refused_weights, CheckName.WEIGHTS, Health.FAILING, id="weights refused"),
        pytest.param(refused_receipts, CheckName.RECEIPTS, Health.FAILING, id="receipts refused"),
    ],
)
async def test_a_fault_is_named_by_its_own_row(
    bed: DoctorBed, monkeypatch: pytest.MonkeyPatch, break_it: Break, row: CheckName, health: Health
) -> None:
    """No other row fails: what cannot be known meanwhile says so; and no word of any row is a secret."""
    await break_it(bed, monkeypatch)
    found = await bed.examined(*FAST, without=SLOW)
    ill = {(each.check, each.health) for each in found if each.health in (Health.WARNING, Health.FAILING)}
    assert ill == {(row, health)}
    assert SECRET not in json.dumps([each.as_data() for each in found])


async def test_a_clock_that_is_wrong_is_told_from_a_chain_that_stands(bed: DoctorBed) -> None:
    """Five minutes ahead: both clocks that this one is compared with disagree, and the chain goes on."""
    bed.now = lambda: utc_now() + timedelta(minutes=5)
    found = {each.check: each for each in await bed.examined(Role.VALIDATOR)}
    failing = {check: each.value for check, each in found.items() if each.health is Health.FAILING}
    assert failing.keys() == {CheckName.CLOCK, CheckName.DATABASE_CLOCK}
    assert failing[CheckName.CLOCK].removesuffix(" ahead of the chain's").startswith("this host's clock is 5 min")
    assert failing[CheckName.DATABASE_CLOCK] == "this host's clock is 5 min ahead of PostgreSQL's"


async def run(bed: DoctorBed, *arguments: str, **environment: str) -> Ended:
    """A command on this node."""
    return await asyncio.to_thread(voice, bed.folder, *arguments, **{**bed.environment, "COLUMNS": "200", **environment})


async def test_a_node_of_which_everything_hangs_is_told_of(bed: DoctorBed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked takes the connection and says nothing: each service fails by its own row, and the host's rows are there."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        for name, url in {"DATABASE_URL": "postgresql://{}/x", "REDIS_URL": "redis://{}", "HF_ENDPOINT": "http://{}"}.items():
            monkeypatch.setenv(name, url.format(place))
        monkeypatch.setenv("VOICE_API_URL", f"http://{place}")
        operations.add_fault(bed.chain, FaultPlan(kind=FaultKind.STALL))
        found = await bed.examined(*FAST, without=SLOW, patience=timedelta(seconds=0.3))
    failing = {each.check for each in found if each.health is Health.FAILING}
    assert failing == {CheckName.DATABASE, CheckName.REDIS, CheckName.HUB, CheckName.API, CheckName.CHAIN}
    assert {each.check for each in found if each.health is Health.OK} >= {CheckName.DISK, CheckName.WALLET, CheckName.CERTIFICATE}


ROLES = {"voice_validator": Role.VALIDATOR, "voice_worker": Role.WORKER, "voice_api": Role.API}


@pytest.mark.usefixtures("alone_on_the_server")
@pytest.mark.parametrize("login", ROLES)
async def test_the_login_of_a_process_is_enough(bed: DoctorBed, monkeypatch: pytest.MonkeyPatch, login: str) -> None:
    """Each role's doctor reads with the rights of its process."""
    url = bed.environment["DATABASE_URL"]
    await roles.apply(url)
    monkeypatch.setenv("DATABASE_URL", f"{url}{'&' if '?' in url else '?'}role={login}")
    found = await bed.examined(ROLES[login], without=SLOW)
    assert [(each.check, each.value) for each in found if each.health is not Health.OK] == []
    assert any(each.check is CheckName.DATABASE and each.value.endswith(login) for each in found)


async def test_who_follows_in_all_tracks_needs_no_workers(bed: DoctorBed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ledger is compared with the followed one; dispatcher, queues and rounds are the other's."""
    url = bed.environment["VOICE_API_URL"]
    monkeypatch.setenv("VOICE_FOLLOW_URL", url)
    await no_worker(bed, monkeypatch)
    followed = Ledger(bed.pool, Hotkey(bed.environment["VOICE_API_HOTKEY"]))
    await followed.append(a_ledger_entry(FOLDED, king="h@1"))
    found = {each.check: each for each in await bed.examined(Role.VALIDATOR)}
    assert {check for check, each in found.items() if each.health is Health.FAILING} == {CheckName.LEDGER}
    assert f"differs from that of {bed.environment['VOICE_API_HOTKEY']}" in found[CheckName.LEDGER].value
    assert found[CheckName.WORKERS].health is Health.UNKNOWN
    assert not {CheckName.DISPATCHER, CheckName.QUEUES, CheckName.ROUND, CheckName.REGISTRY} & set(found)


async def test_a_plan_that_is_held_is_told(bed: DoctorBed) -> None:
    """For another reason than refused receipts, which have a row of their own: a ledger that nothing ever reached."""
    await Ledger(bed.pool, bed.validator).reset(RoundNumber(0))
    found = {each.check: each for each in await bed.examined(Role.VALIDATOR)}
    assert (found[CheckName.WEIGHTS].health, found[CheckName.FOLD].health) == (Health.WARNING, Health.UNKNOWN)
    assert "kept back: the ledger is empty, and weights were set before" in found[CheckName.WEIGHTS].value


async def test_the_command_ends_by_what_it_found(bed: DoctorBed) -> None:
    """0 while nothing fails, 1 where something does; for machines one document, with nothing else on standard output."""
    well, ill = (
        await run(bed, "doctor", "validator", "--json"),
        await run(bed, "doctor", "validator", "--json", VOICE_VERSION_KEY="2"),
    )
    assert (well.returncode, well.stderr, ill.returncode, ill.stderr) == (0, "", 1, "")
    told = json.loads(ill.stdout)
    assert (json.loads(well.stdout)["healthy"], told["healthy"], told["roles"]) == (True, False, ["validator"])
    (failing,) = [each for each in told["findings"] if each["health"] == "failing"]
    assert (failing["check"], failing["value"]) == ("version key", "VOICE_VERSION_KEY is 2, and the subnet takes 3 or more")
    assert (
        failing["fix"].startswith("Install the newest release") and failing["see"] == "docs/validator.md#what-the-chain-refuses"
    )


async def test_without_a_role_it_goes_by_the_settings(bed: DoctorBed) -> None:
    """It says as what it asked, and what to do about each part that is not well; without anything to go by it asks for a role."""
    ended = await run(bed, "doctor", DATABASE_URL=f"postgresql://:{SECRET}@{NOWHERE}/x")
    assert (ended.returncode, ended.stderr) == (1, "asked as validator, worker, api, by the settings of this host\n")
    assert "To do: " in ended.stdout and "1 failing" in ended.stdout
    assert SECRET not in ended.stdout
    (bed.folder / "elsewhere").mkdir()
    nothing = await asyncio.to_thread(voice, bed.folder / "elsewhere", "doctor")
    assert nothing.stderr.startswith("error 3205 nothing here says what this host is: name validator, worker, api, miner")


async def test_the_status_of_a_running_node(bed: DoctorBed) -> None:
    """Round, workers, weights and what is wrong: for machines, and on one screen."""
    data, screen = await run(bed, "status", "--json"), await run(bed, "status")
    told = json.loads(data.stdout)
    assert (data.returncode, data.stderr, told["healthy"], told["problems"]) == (0, "", True, [])
    assert (told["round"]["round"], told["round"]["state"], told["workers"]) == (
        FOLDED + 1,
        "open",
        [{"queue": "cpu", "taking": 1, "draining": 0, "hosts": 1}],
    )
    assert [(each["total"], each["scored"]) for each in told["tracks"]] == [(1, 1)]
    (validator,) = told["validators"]
    assert (validator["validator"], validator["round"], validator["weights"]) == (bed.validator, FOLDED, "set")
    assert screen.returncode == 0
    for said in (f"round {FOLDED + 1} is open", f"king of small: {bed.validator}@50", bed.validator, "nothing is wrong"):
        assert said in screen.stdout


async def test_the_status_of_a_node_without_its_database(bed: DoctorBed) -> None:
    """It shows the chain, and names what does not answer."""
    told = json.loads((await run(bed, "status", "--json", DATABASE_URL=f"postgresql://:{SECRET}@{NOWHERE}/x")).stdout)
    assert (told["healthy"], told["round"], told["chain"]["head"] > 1_000) == (False, None, True)
    assert [each["check"] for each in told["problems"]] == ["database"]


async def test_a_status_that_goes_on_writes_lines(bed: DoctorBed) -> None:
    """Without a terminal, one a look, until it is interrupted."""
    environment = {**bed.environment, "HOME": str(bed.folder), "PATH": os.defpath, "VOICE_VERSION_KEY": "2"}
    command = (sys.executable, "-m", "neurons.cli", "status", "--watch", "--every", "1")
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    lines = [(await process.stdout.readline()).decode() for _ in range(2)]
    process.send_signal(signal.SIGINT)
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (130, b"")
    for line in lines:
        assert f"round {FOLDED + 1} is open" in line and "1/1 ended · 1 workers" in line
        assert line.endswith("version key failing: VOICE_VERSION_KEY is 2, and the subnet takes 3 or more\n")
