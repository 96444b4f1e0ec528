"""A dispatcher for a chaos run: the real one, with a budget of retries that faults do not use up.

Usage: python -m tests.chaos.chaos_dispatcher, in the environment of a dispatcher
"""

import asyncio

from neurons.cli import logs
from neurons.shutdown import Shutdown
from voice_api.db.queue import RetryBudget
from voice_api.dispatch import dispatcher
from voice_api.settings import DispatcherSettings

PATIENT = RetryBudget(per_evaluation=1000, per_day=1000)


async def run(settings: DispatcherSettings) -> None:
    """Dispatch until SIGTERM."""
    stop = Shutdown()
    stop.listen()
    await dispatcher.run(settings, stop, budget=PATIENT)


if __name__ == "__main__":
    logs.configure()
    asyncio.run(run(DispatcherSettings()))
