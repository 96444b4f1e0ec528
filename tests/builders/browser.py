"""The system's Chromium, driven by Playwright: it loads what a page names from loopback, and nothing else."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

Seen = TypeVar("Seen")
_OPTIONS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
WIDE, NARROW = (1280, 900), (390, 844)
"""A desk's window and a phone's, in CSS pixels."""


def chromium() -> str | None:
    """The browser's path, or None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def opened() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(_OPTIONS), chromium_sandbox=False)
        try:
            yield browser
        finally:
            browser.close()


class SharedBrowser:
    """A browser for many tests, in a thread of its own: the library wants one, and a test's loop serves meanwhile. Starting it takes
    longer than most of what it is asked.
    """

    def __init__(self, thread: ThreadPoolExecutor, browser: Browser) -> None:
        self._thread, self._browser = thread, browser

    async def visit(self, look: Callable[[Browser], Seen]) -> Seen:
        """What a function sees; no page that it opened is left."""

        def look_and_leave() -> Seen:
            try:
                return look(self._browser)
            finally:
                for context in self._browser.contexts:
                    context.close()

        return await asyncio.get_running_loop().run_in_executor(self._thread, look_and_leave)


@contextmanager
def shared() -> Iterator[SharedBrowser]:
    """A browser without a window, for as long as the context lasts."""
    with ThreadPoolExecutor(1, "browser") as thread, ExitStack() as stack:
        browser = thread.submit(stack.enter_context, opened()).result()
        try:
            yield SharedBrowser(thread, browser)
        finally:
            thread.submit(stack.close).result()


def new_page(browser: Browser, url: str, size: tuple[int, int] = WIDE, *, dark: bool = False) -> tuple[Page, list[str]]:
    """A page of a context of its own, and the list to which its errors are added."""
    context = browser.new_context(
        base_url=url, viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
    )
    page, errors = context.new_page(), list[str]()

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            errors.append(f"{page.url}: {message.text}")

    page.on("console", heard)
    page.on("pageerror", lambda error: errors.append(f"{page.url}: {error}"))
    return page, errors
