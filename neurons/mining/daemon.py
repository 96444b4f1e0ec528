"""The miner's daemon: publish what is chosen, try what is new, tell what became of what was submitted."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from neurons.api_client import ApiRefused, ApiUnavailable, VoiceApi
from neurons.mining import following
from neurons.mining.following import Sight
from neurons.mining.journal import Journal
from neurons.mining.lines import Kind, Line, Say
from neurons.mining.outside import Outside, Own
from neurons.mining.pace import Pace
from neurons.mining.publishing import Publishing
from neurons.mining.trials import Trials
from neurons.shutdown import Shutdown
from scoring.errors import PlatformError
from scoring.types import Hotkey


@dataclass(slots=True)
class Follower:
    """Reads what the API says of the last submission, and tells what is new; an API that does not answer is told once."""

    api: VoiceApi
    hotkey: Hotkey
    say: Say
    seen: Sight | None = None
    told: set[str] = field(default_factory=set)

    async def step(self, own: Own) -> None:
        """Look once."""
        if own.at_final is None:
            return
        try:
            held = own.submissions if own.submissions is not None else await self.api.submissions(hotkey=self.hotkey)
            item = next((item for item in held if item.commit_block == own.at_final.block), None)
            if item is None:
                self._once(following.unknown(own.at_final.block))
                return
            detail = await self.api.submission(item.id)
            now = following.sight(detail, await self.api.queue(), await self.api.leaderboard(), self.hotkey)
        except (ApiUnavailable, ApiRefused) as outage:
            self._once(Line(Kind.OUTAGE, f"{outage.detail.rstrip('.')}. {outage.advice}", {"code": outage.code.value}, False))
            return
        for line in following.news(self.seen, now):
            self.say(line)
        self.seen = now

    def _once(self, line: Line) -> None:
        if line.text not in self.told:
            self.told.add(line.text)
            self.say(line)


@dataclass(slots=True)
class Daemon:
    """One hotkey's miner. `once`: end when nothing is left that does not need time to pass."""

    outside: Outside
    journal: Journal
    publishing: Publishing
    trials: Trials
    follower: Follower
    say: Say
    once: bool

    async def tick(self) -> Pace:
        """Do one thing. What is being published is not overtaken by a better checkpoint: one commitment after another."""
        own = await self.outside.own()
        pace = await self.publishing.step(own)
        if pace is not Pace.IDLE:
            return pace
        chosen = self.journal.memory.chosen
        if chosen is None or not chosen.begun:
            pace = await self.trials.step(own)
        await self.follower.step(own)
        return pace

    async def run(self, pause: timedelta, stop: Shutdown) -> None:
        """Tick until asked to stop, and then leave at once, whatever is under way: the journal knows how far it was."""
        while not stop.requested:
            pace = await self._until(stop)
            if self.once and pace is Pace.IDLE:
                return
            if pace is not Pace.AT_ONCE:
                await stop.wait(pause)

    async def _until(self, stop: Shutdown) -> Pace:
        """A tick, unless it is asked to stop before; a named outage waits for the next one."""
        work = asyncio.create_task(self.tick())
        asked = asyncio.create_task(stop.asked())
        await asyncio.wait((work, asked), return_when=asyncio.FIRST_COMPLETED)
        for task in (work, asked):
            task.cancel()
        try:
            return await work
        except asyncio.CancelledError:
            if not stop.requested:
                raise
            return Pace.IDLE
        except PlatformError as outage:
            text = f"[{outage.code.value}] {outage.detail.rstrip('.')}. {outage.advice}"
            self.say(Line(Kind.OUTAGE, text, {"code": outage.code.value}, False))
            return Pace.SOON
