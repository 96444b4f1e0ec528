"""The miner's daemon: publish what is chosen, try what is new, tell what became of what was submitted."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from neurons.miner.client import MinerClient
from neurons.miner.journal import Journal
from neurons.miner.messages import Message, MessageKind, Notify
from neurons.miner.pace import Pace
from neurons.miner.publish_steps import Publisher
from neurons.miner.trials import Trials
from neurons.miner.watcher import Watcher
from neurons.shutdown import Shutdown
from scoring.errors import PlatformError

_LEAST_OFTEN = 64
"""Pauses between two attempts in a long outage."""


@dataclass(slots=True)
class Daemon:
    """One hotkey's miner. `once`: end when nothing is left that does not need time to pass."""

    client: MinerClient
    journal: Journal
    publishing: Publisher
    trials: Trials
    watcher: Watcher
    notify: Notify
    once: bool
    outages: int = 0
    told: str = ""

    async def tick(self) -> Pace:
        """Do one thing. What is being published is not overtaken by a better checkpoint: one commitment after another."""
        state = await self.client.state()
        pace = await self.publishing.step(state)
        if pace is not Pace.IDLE:
            return pace
        chosen = self.journal.state.chosen
        if chosen is None or not chosen.begun:
            pace = await self.trials.step(state)
        await self.watcher.step(state)
        return pace

    async def run(self, pause: timedelta, stop: Shutdown) -> None:
        """Tick until asked to stop, and then leave at once, whatever is under way: the journal knows how far it was.

        After a named outage it is tried again, less and less often; with `once` the outage is raised.
        """
        while not stop.requested:
            try:
                pace = await self._until(stop, pause)
            except PlatformError as outage:
                if self.once:
                    raise
                self._tell(outage)
                await stop.wait(pause * min(2**self.outages, _LEAST_OFTEN))
                continue
            self.outages, self.told = 0, ""
            if self.once and pace is Pace.IDLE:
                return
            if pace is not Pace.AT_ONCE:
                await stop.wait(pause)

    async def _until(self, stop: Shutdown, pause: timedelta) -> Pace:
        """A tick, however long it takes, unless it is asked to stop before."""
        work, asked = asyncio.create_task(self.tick()), asyncio.create_task(_stopped(stop, pause))
        await asyncio.wait((work, asked), return_when=asyncio.FIRST_COMPLETED)
        for task in (work, asked):
            task.cancel()
        try:
            return await work
        except asyncio.CancelledError:
            if not stop.requested:
                raise
            return Pace.IDLE

    def _tell(self, outage: PlatformError) -> None:
        """Once, as long as it is the same."""
        self.outages += 1
        text = f"[{outage.code.value}] {outage.detail.rstrip('.')}. {outage.advice}"
        if text != self.told:
            self.told = text
            self.notify(Message(MessageKind.OUTAGE, text, {"code": outage.code.value}, False))


async def _stopped(stop: Shutdown, pause: timedelta) -> None:
    """Until the end is asked for; meanwhile the heartbeat goes on."""
    while not stop.requested:
        await stop.wait(pause)
