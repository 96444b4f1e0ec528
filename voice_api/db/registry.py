"""The subnet's neurons as last read from the chain."""

from voice_api.db.pool import Pool
from voice_api.db.records import Neuron, RegistrySnapshot
from voice_api.db.rows import read
from voice_api.db.sql import sql


class Registry:
    """The newest snapshot, replaced as a whole."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def replace(self, snapshot: RegistrySnapshot) -> bool:
        """Store a snapshot; False, and nothing changed, when the stored one is of the same or a later block."""
        neurons = snapshot.neurons
        async with self._pool.transaction() as connection:
            if not await connection.fetchrow(sql("registry.advance"), snapshot.netuid, snapshot.block, snapshot.block_hash):
                return False
            await connection.execute(sql("registry.clear_neurons"))
            await connection.execute(
                sql("registry.add_neurons"),
                [neuron.hotkey for neuron in neurons],
                [neuron.uid for neuron in neurons],
                [neuron.coldkey for neuron in neurons],
                [neuron.registered_at_block for neuron in neurons],
                [neuron.immune_until_block for neuron in neurons],
            )
        return True

    async def latest(self) -> RegistrySnapshot | None:
        """The stored snapshot, or None before the first."""
        async with self._pool.connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            head = await connection.fetchrow(sql("registry.head"))
            neurons = await connection.fetch(sql("registry.neurons"))
        return read(RegistrySnapshot, head, neurons=tuple(read(Neuron, row) for row in neurons)) if head else None
