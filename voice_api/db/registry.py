"""The subnet's neurons as last read from the chain."""

from dataclasses import dataclass
from datetime import timedelta

from scoring.errors import Code, PlatformError
from scoring.types import Block, BlockHash, Hotkey, Uid
from voice_api.db.database import Pool, read, sql


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredNeuron:
    """A registered hotkey; it cannot be pruned before `immune_until_block`."""

    hotkey: Hotkey
    uid: Uid
    coldkey: str
    registered_at_block: Block
    immune_until_block: Block


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySnapshot:
    """The subnet's neurons at one block, in the order of their uids."""

    netuid: int
    block: Block
    block_hash: BlockHash
    neurons: tuple[RegisteredNeuron, ...]
    owner_hotkey: Hotkey | None = None
    """The hotkey of the subnet's owner, whose uid gets what nobody earned; None where it was not told."""


class Registry:
    """The newest snapshot, replaced as a whole."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def replace(self, snapshot: RegistrySnapshot) -> bool:
        """Store a snapshot; False, and nothing changed, when the stored one is of the same or a later block."""
        neurons = snapshot.neurons
        async with self._pool.transaction() as connection:
            head = (snapshot.netuid, snapshot.block, snapshot.block_hash, snapshot.owner_hotkey)
            if not await connection.fetchrow(sql("registry.advance"), *head):
                return False
            await connection.execute(sql("registry.clear_neurons"))
            hotkeys, coldkeys = [neuron.hotkey for neuron in neurons], [neuron.coldkey for neuron in neurons]
            await connection.execute(sql("registry.keep_coldkeys"), hotkeys, coldkeys)
            await connection.execute(
                sql("registry.add_neurons"),
                hotkeys,
                [neuron.uid for neuron in neurons],
                coldkeys,
                [neuron.registered_at_block for neuron in neurons],
                [neuron.immune_until_block for neuron in neurons],
            )
        return True

    async def latest(self) -> RegistrySnapshot | None:
        """The stored snapshot, or None before the first."""
        async with self._pool.connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            head = await connection.fetchrow(sql("registry.head"))
            neurons = await connection.fetch(sql("registry.neurons"))
        return read(RegistrySnapshot, head, neurons=tuple(read(RegisteredNeuron, row) for row in neurons)) if head else None

    async def has(self, hotkey: Hotkey, within: timedelta) -> bool:
        """Whether a hotkey is registered, as of a snapshot that came within this time.

        Raises PlatformError: REGISTRY_STALE when there is none so young, BANNED with the operator's reason.
        """
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("registry.standing"), hotkey, within)
        if row is None or not row["fresh"]:
            raise PlatformError(Code.REGISTRY_STALE, "the stored registry is missing or too old to say who is registered")
        if row["banned"] is not None:
            raise PlatformError(Code.BANNED, row["banned"])
        return bool(row["registered"])
