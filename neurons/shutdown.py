"""The end of a daemon: by a signal between two ticks, its tasks together."""

import asyncio
import signal
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class Shutdown:
    """Asked for by a signal, or by `request`; waiting for it replaces sleeping.

    Each wait touches `heartbeat`, if there is one: a container's health check reads its age.
    """

    def __init__(self, heartbeat: Path | None = None) -> None:
        self._event = asyncio.Event()
        self._heartbeat = heartbeat

    @property
    def requested(self) -> bool:
        """Whether to stop."""
        return self._event.is_set()

    def request(self) -> None:
        """Ask for the end of the loop."""
        self._event.set()

    def listen(self) -> None:
        """Let SIGTERM and SIGINT of this process ask for the end; call it inside the running loop."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self.request)

    async def asked(self) -> None:
        """Wait until the end is asked for."""
        await self._event.wait()

    async def wait(self, pause: timedelta) -> None:
        """Sleep for `pause`, or less if the end is asked for."""
        if self._heartbeat is not None:
            self._heartbeat.touch()
        try:
            async with asyncio.timeout(pause.total_seconds()):
                await self._event.wait()
        except TimeoutError:
            return


async def unless_stopped(stop: Shutdown, work: Coroutine[Any, Any, T], grace: timedelta = timedelta(0)) -> T | None:
    """The work's result; None if the end was asked for and the work was not done within `grace` either: then it is broken off."""
    task, asked = asyncio.ensure_future(work), asyncio.ensure_future(stop.asked())
    try:
        await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({task}, timeout=grace.total_seconds())
        return task.result() if task.done() else None
    finally:
        for each in (task, asked):
            each.cancel()
        await asyncio.gather(task, asked, return_exceptions=True)


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Run them side by side until all end; the first that fails ends the others, and what it raised is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
