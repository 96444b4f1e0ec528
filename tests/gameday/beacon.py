"""The public beacon of a game day: dead until it is begun, and from then on it opens all sealed weights that are due."""

import asyncio
import threading
from contextlib import suppress
from pathlib import Path

from tests.soak.beacon import Beacon
from voice_api.db.database import open_pool


class LivingBeacon:
    """A beacon in a thread of its own."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._shining: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None

    def begin(self, devchain: Path, database: str) -> None:
        """Open from now on what the validators of a database sealed."""
        begun = threading.Event()

        async def shine() -> None:
            self._loop, self._shining = asyncio.get_running_loop(), asyncio.current_task()
            begun.set()
            with suppress(asyncio.CancelledError):
                async with open_pool(database, size=1) as pool:
                    await Beacon(devchain, pool, 1, opened=1.0).shine()

        self._thread = threading.Thread(target=lambda: asyncio.run(shine()), name="beacon", daemon=True)
        self._thread.start()
        begun.wait()

    def end(self) -> None:
        """Open nothing more; nothing where it never began."""
        if self._loop is None or self._shining is None or self._thread is None:
            return
        with suppress(RuntimeError):  # its loop has ended by itself
            self._loop.call_soon_threadsafe(self._shining.cancel)
        self._thread.join()
