"""A whole node that is well: chain, database, Redis, hub, API, a dispatcher that leads, a worker, and a validator that folded and paid."""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from neurons.chain import wallets
from neurons.cli.doctor.node import Node, utc_now
from neurons.cli.doctor.roles import checks_of
from neurons.cli.options import ChainOptions
from neurons.devchain import operations
from neurons.devchain.genesis import RAO
from neurons.devchain.subnet import Rules
from neurons.doctor.catalogue import CheckName
from neurons.doctor.examine import examine
from neurons.doctor.finding import Finding
from neurons.doctor.host_health import DiskSpace
from neurons.doctor.role import Role
from neurons.validator import certification
from scoring.receipts.certificate import Certificate
from scoring.types import Block, BlockHash, Hotkey, entrant
from tests.builders.ledger import a_ledger_entry, a_weight_attempt, some_inputs
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.ledger import Ledger
from voice_api.db.processes import Workers
from voice_api.db.queue import EvaluationQueue
from voice_api.db.registry import Registry, RegistrySnapshot
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import QueueName
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.db.weights import Weights
from voice_api.keys import ServiceKey

NETUID = 7
BLOCK_SECONDS = 0.5
AGE = 600.0
"""Seconds for which the chain has run: some 1,200 blocks, which are three rounds."""
FOLDED = 2
HOST = "host-1"
SLOW_MACHINE = timedelta(minutes=1)
"""The time that anything may take: other tests run beside this one."""
PLENTY = DiskSpace(total=1 << 40, left=1 << 39, files_left=None)


@dataclass
class DoctorBed:
    """Where the parts are; a test breaks one of them."""

    folder: Path
    pool: Pool
    environment: dict[str, str]
    validator: Hotkey
    now: Callable[[], datetime] = utc_now
    space: Callable[[Path], DiskSpace] = field(default=lambda _: PLENTY)

    @property
    def chain(self) -> Path:
        """The development chain's file."""
        return self.folder / "chain.sqlite"

    async def examined(
        self, *roles: Role, without: frozenset[CheckName] = frozenset(), patience: timedelta = SLOW_MACHINE
    ) -> tuple[Finding, ...]:
        """What the doctor finds as these roles; the environment is the node's."""
        async with AsyncExitStack() as stack:
            checks = checks_of(roles, Node(ChainOptions(), None, stack, self.now, self.space, patience))
            wanted = [check for check in checks if not without.issuperset(check.names)]
            return await examine([replace(check, within=SLOW_MACHINE) for check in wanted])

    def certify(self, days: float = 90.0) -> Certificate:
        """Let the validator certify the worker's service key."""
        key = ServiceKey.at(self.folder / "service.key")
        keys = wallets.load("validator", "default", self.folder / "wallets")
        signed = certification.certify(keys, key.address, HOST, timedelta(days=days), datetime.now(UTC))
        certification.write(self.folder / "service.cert.json", signed.to_json())
        return signed


def a_chain(path: Path, folder: Path) -> Hotkey:
    """A chain that has run for a while, with the owner at uid 0 and a validator with stake and permit at 1, whose hotkey it returns."""
    owner, validator = (wallets.create(name, "default", folder) for name in ("owner", "validator"))

    def began() -> float:
        return time.time() - AGE

    operations.create(
        path,
        netuid=NETUID,
        block_seconds=BLOCK_SECONDS,
        owner_coldkey=owner.coldkeypub.ss58_address,
        owner_hotkey=Hotkey(owner.hotkey.ss58_address),
        rules=Rules(tempo=100, activity_cutoff=5_000, weights_version=3),
        clock=began,
    )
    coldkey = validator.coldkeypub.ss58_address
    operations.faucet(path, coldkey, 100 * RAO, clock=began)
    operations.register(path, Hotkey(validator.hotkey.ss58_address), coldkey, 10 * RAO, clock=lambda: began() + 2)
    return Hotkey(validator.hotkey.ss58_address)


async def make(
    folder: Path, pool: Pool, environment: dict[str, str], submission: NewSubmission, opened: NewRound, verdict: Verdict
) -> DoctorBed:
    """The node, in a folder and an empty database: a round was folded, and of the next one the only evaluation has its verdict."""
    validator = a_chain(folder / "chain.sqlite", folder / "wallets")
    bed = DoctorBed(folder, pool, environment, validator)
    (folder / "store").mkdir()
    await Workers(pool).heartbeat("w1", HOST, QueueName.CPU)
    await Registry(pool).replace(
        RegistrySnapshot(netuid=NETUID, block=Block(1), block_hash=BlockHash("0x1"), owner_hotkey=Hotkey("owner"), neurons=())
    )
    king = entrant(validator, Block(50))  # any hotkey that is registered
    await Ledger(pool, validator).append(a_ledger_entry(FOLDED, king=king, inputs=some_inputs(counted={king: "aa"})))
    await Weights(pool, validator).record(a_weight_attempt(1_100))
    (number,) = await Submissions(pool).add([submission])
    assert await Rounds(pool).open(opened, [RoundEntry(number, None, QueueName.CPU, 0)])
    claim = await EvaluationQueue(pool).claim(QueueName.CPU, "w1", timedelta(minutes=1), HOST)
    assert claim is not None
    await EvaluationQueue(pool).finish(claim, replace(verdict, certificate=bed.certify().to_json()))
    return bed
