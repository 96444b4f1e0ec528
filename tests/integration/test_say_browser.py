"""The page /say in a real browser: it counts, it waits by itself, and the sound plays."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.builders.browser import NARROW, SharedBrowser, chromium, new_page
from tests.integration.speech_bed import TEXT, speak_next
from voice_api.db.database import Pool
from voice_api.db.submissions import NewSubmission
from voice_api.settings import ApiSettings

pytestmark = pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine")


async def test_a_sentence_is_counted_waited_for_and_heard(
    pool: Pool,
    king: NewSubmission,
    api_settings: Callable[..., ApiSettings],
    listen: Callable[[ApiSettings], str],
    tmp_path: Path,
    shared_browser: SharedBrowser,
) -> None:
    """On a phone's window: no error, no sideways scroll, nothing that somebody cannot read, light or dark. The page itself comes to
    show the player, whose time advances.
    """
    url = listen(api_settings(speech=True))
    sent = asyncio.Event()
    loop = asyncio.get_running_loop()

    def visit(browser: Browser) -> tuple[list[str], float, int]:
        page, errors = new_page(browser, url, NARROW)
        page.goto("/say")
        page.get_by_label("What to say").fill(TEXT)
        expect(page.locator("#count")).to_have_text(f"{len(TEXT)} of 300")
        expect(page.locator("#unheard")).to_be_hidden()
        page.screenshot(path=tmp_path / "empty.png", full_page=True)
        page.get_by_role("button", name="Say it").click()
        expect(page.locator("#speech")).to_contain_text("It is next.")
        page.screenshot(path=tmp_path / "waits.png", full_page=True)
        page.evaluate("window.stayed = true")
        loop.call_soon_threadsafe(sent.set)
        expect(page.locator("#speech audio")).to_be_visible(timeout=10_000)
        while page.locator("#speech audio").evaluate("audio => audio.currentTime") < 0.1:
            page.wait_for_timeout(50)
        expect(page.locator("#waiting")).to_have_text("nobody waits now")
        page.screenshot(path=tmp_path / "said.png", full_page=True)
        assert page.evaluate("window.stayed"), "the page was loaded again"
        duration = page.evaluate("document.querySelector('#speech audio').duration")
        aside = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found = [each["id"] for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")]
        dark, _ = new_page(browser, url, dark=True)
        dark.goto(page.url)
        dark.screenshot(path=tmp_path / "dark.png", full_page=True)
        found += [each["id"] for each in Axe().run(dark).response["violations"] if each["impact"] in ("serious", "critical")]
        return [*errors, *found], float(duration), int(aside)

    async def work() -> None:
        await sent.wait()
        await speak_next(pool)

    (errors, duration, aside), _ = await asyncio.gather(shared_browser.visit(visit), work())
    assert (errors, aside) == ([], 0)
    assert duration == pytest.approx(0.5, abs=0.05)
