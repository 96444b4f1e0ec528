"""The pages of listening in a browser: by keys alone, on a phone, and without scripts."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page

from tests.builders.audible import audible_round
from tests.builders.browser import NARROW, WIDE, SharedBrowser, chromium, new_page
from voice_api.settings import ApiSettings

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

pytestmark = pytest.mark.skipif(chromium() is None, reason="needs the system's Chromium")

PLAYING = "#transport[data-state=playing]"


@pytest.fixture
async def url(
    stack: "ValidatorBed", listen: Callable[[ApiSettings], str], api_settings: Callable[..., ApiSettings], tmp_path: Path
) -> str:
    """An API with a closed round of two models, clips of a second."""
    await audible_round(stack, tmp_path / "store", seconds=1.0)
    return listen(api_settings(store_place=tmp_path / "store"))


async def test_a_pair_is_voted_on_by_keys(url: str, shared_browser: SharedBrowser) -> None:
    """Heard, voted on, told, and on to the next one, without a hand on the mouse."""

    def drive(browser: Browser) -> tuple[list[str], list[str]]:
        page, errors = new_page(browser, url)
        page.goto("/listen/pair")
        page.keyboard.press(" ")
        page.wait_for_selector(PLAYING)
        page.keyboard.press("2")
        heads = [_pressed(page, "b"), _pressed(page, "n"), _pressed(page, "t")]
        return heads, errors

    heads, errors = await shared_browser.visit(drive)
    assert (heads, errors) == (["You said: B is better", "Which is better?", "You said: a tie"], [])


def _pressed(page: Page, key: str) -> str:
    """The heading of the page that a key leads to."""
    with page.expect_navigation():
        page.keyboard.press(key)
    return page.inner_text("h1")


async def test_keys_that_come_too_soon_or_too_often_break_nothing(url: str, shared_browser: SharedBrowser) -> None:
    """Pressed twice while the clips are fetched it plays once; and without a place to remember anything it plays, too."""

    def drive(browser: Browser) -> tuple[int, str, list[str]]:
        page, errors = new_page(browser, url)
        page.add_init_script(
            """
            Object.defineProperty(window, "sessionStorage", { get() { throw new DOMException("no", "SecurityError"); } });
            window.sources = 0;
            const start = AudioBufferSourceNode.prototype.start;
            AudioBufferSourceNode.prototype.start = function (...at) { window.sources += 1; return start.apply(this, at); };
            """
        )
        page.goto("/listen?models=1,2")
        page.evaluate(
            """() => {
              for (const key of [" ", " ", "2"])
                document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
            }"""
        )
        page.wait_for_selector(PLAYING)
        return int(page.evaluate("() => window.sources")), page.get_attribute("#transport", "data-active") or "", errors

    assert await shared_browser.visit(drive) == (2, "1", [])


async def test_a_phone_scrolls_down_only(url: str, shared_browser: SharedBrowser) -> None:
    """No page of listening is wider than 390 px, light or dark, and none says anything on the console."""

    def drive(browser: Browser) -> tuple[list[int], list[str]]:
        widths, said = [], []
        for dark in (False, True):
            page, errors = new_page(browser, url, NARROW, dark=dark)
            for path in ("/listen?models=1,2", "/listen/pair", "/submissions/1"):
                page.goto(path)
                page.wait_for_timeout(100)
                widths.append(int(page.evaluate("() => document.documentElement.scrollWidth")))
            said += errors
        return widths, said

    widths, errors = await shared_browser.visit(drive)
    assert (widths, errors) == ([NARROW[0]] * 6, [])


async def test_without_scripts_everything_can_be_heard_and_chosen(url: str, shared_browser: SharedBrowser) -> None:
    """Each clip has its player, and the forms lead on."""

    def drive(browser: Browser) -> tuple[int, str, str]:
        context = browser.new_context(base_url=url, java_script_enabled=False, viewport={"width": WIDE[0], "height": WIDE[1]})
        page = context.new_page()
        page.goto("/listen")
        players = page.locator("audio").count()
        page.select_option('select[name="prompt"]', "g01.a")
        with page.expect_navigation():
            page.get_by_role("button", name="Hear these").click()
        chosen = page.inner_text("#asked-title")
        page.goto("/listen/pair")
        with page.expect_navigation():
            page.get_by_role("button", name="A is better").click()
        return players, chosen, page.inner_text("h1")

    players, chosen, told = await shared_browser.visit(drive)
    assert (players, "g01.a" in chosen, told) == (2, True, "You said: A is better")
