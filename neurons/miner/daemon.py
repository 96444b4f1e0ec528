"""The miner's daemon: publish the chosen model, try new checkpoints, tell the news of the last submission."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from neurons.miner.client import MinerClient
from neurons.miner.journal import Journal
from neurons.miner.messages import Message, MessageKind, Notifier, Notify, Pace
from neurons.miner.publish_steps import Consent, Publisher
from neurons.miner.scorer import Scorer
from neurons.miner.trials import Trials
from neurons.miner.watcher import Watcher
from neurons.shutdown import Shutdown
from scoring.errors import PlatformError

_LEAST_OFTEN = 64
"""Pauses between two attempts in a long outage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonOptions:
    """The options of a miner's daemon."""

    folder: Path
    """Its sub-folders are checkpoints."""
    repo: str
    """Each submission gets `<repo>-<8 hex digits>` for itself."""
    margin: float | None
    """The lead that must be shown, in [0, 1]; None: what a young king would be given."""
    settle: timedelta
    """A checkpoint is complete when nothing in it has changed for so long."""
    once: bool
    """End when nothing is left that does not need time to pass."""
    dry_run: bool
    """Score and compare, but sign, upload and show nothing."""


def assemble(
    options: DaemonOptions, *, client: MinerClient, journal: Journal, scorer: Scorer, consent: Consent, notify: Notify
) -> "Daemon":
    """Put a hotkey's daemon together; its models are judged by the competition's newest rules."""
    told = Notifier(notify)
    trials = Trials(
        folder=options.folder,
        repo=options.repo,
        rules=client.schedule.version[-1],
        margin=options.margin,
        settle=options.settle,
        client=client,
        scorer=scorer,
        journal=journal,
        notify=told,
    )
    publisher = Publisher(
        repo=options.repo, dry_run=options.dry_run, client=client, journal=journal, consent=consent, notify=told
    )
    watcher = Watcher(api=client.api, hotkey=client.hotkey, round_blocks=client.schedule.round_blocks, notify=told)
    return Daemon(
        client=client, journal=journal, publisher=publisher, trials=trials, watcher=watcher, notify=told, once=options.once
    )


@dataclass(slots=True, kw_only=True)
class Daemon:
    """One hotkey's miner."""

    client: MinerClient
    journal: Journal
    publisher: Publisher
    trials: Trials
    watcher: Watcher
    notify: Notifier
    once: bool
    outages: int = field(default=0, init=False)
    """Ticks in a row that ended with a named outage."""
    last_outage: str = field(default="", init=False)
    """The outage that was told last, in words."""

    async def tick(self) -> Pace:
        """Do one thing. A better checkpoint does not overtake one that is being published: one commitment after another."""
        state = await self.client.state()
        pace = await self.publisher.step(state)
        if pace is not Pace.IDLE:
            return pace
        chosen = self.journal.state.chosen
        if chosen is None or not chosen.begun:
            pace = await self.trials.step(state)
        await self.watcher.step(state)
        return pace

    async def run(self, pause: timedelta, stop: Shutdown) -> None:
        """Tick until asked to stop, and then leave at once: the journal knows how far the work under way was.

        After a named outage it is tried again, less and less often; with `once` the outage is raised.
        """
        while not stop.requested:
            try:
                pace = await self._until(stop, pause)
            except PlatformError as outage:
                if self.once:
                    raise
                self._report(outage)
                await stop.wait(pause * min(2**self.outages, _LEAST_OFTEN))
                continue
            self.outages, self.last_outage = 0, ""
            if self.once and pace is Pace.IDLE:
                return
            if pace is not Pace.AT_ONCE:
                await stop.wait(pause)

    async def _until(self, stop: Shutdown, pause: timedelta) -> Pace:
        """Run a tick, however long it takes, unless it is asked to stop before."""
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

    def _report(self, outage: PlatformError) -> None:
        """Count an outage, and tell it unless it is the same as before."""
        self.outages += 1
        text = f"[{outage.code.value}] {outage.told}"
        if text != self.last_outage:
            self.last_outage = text
            self.notify(Message(MessageKind.OUTAGE, text, {"code": outage.code.value}, False))


async def _stopped(stop: Shutdown, pause: timedelta) -> None:
    """Wait until the end is asked for; meanwhile the heartbeat goes on."""
    while not stop.requested:
        await stop.wait(pause)
