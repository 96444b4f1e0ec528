"""An open page in a real browser: each piece of news changes it, and what its reader is doing stays."""

import asyncio
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.builders.browser import SharedBrowser, chromium, new_page
from voice_api.db.database import Pool
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.settings import ApiSettings

pytestmark = pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine")
PART = 'data-live="ledger registry events">'
FOLDED = "<details><summary>more</summary>unfolded</details>"


def _with_details(route: Route) -> None:
    """The page with something that can be unfolded in the part that changes."""
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace(PART, PART + FOLDED))


async def test_every_piece_of_news_arrives_and_disturbs_nothing(
    pool: Pool,
    api_settings: Callable[..., ApiSettings],
    listen: Callable[[ApiSettings], str],
    new_submission: Callable[..., NewSubmission],
    shared_browser: SharedBrowser,
) -> None:
    """Three commitments come one after the other, without reload; a half-typed search and what was unfolded stay."""
    url, loop = listen(api_settings()), asyncio.get_running_loop()

    def commit(number: int) -> None:
        added = Submissions(pool).add([new_submission(hotkey=f"miner{number}", repo=f"miner/model{number}", commit_block=number)])
        asyncio.run_coroutine_threadsafe(added, loop).result(10)

    def visit(browser: Browser) -> list[str]:
        page, errors = new_page(browser, url)
        page.route(f"{url}/", _with_details)
        page.goto("/")
        expect(page.locator("#live-state")).to_have_attribute("data-state", "connected")
        page.locator("#rows summary").click()
        page.get_by_label("Hotkey, repository or uid").press_sequentially("half a na")
        page.evaluate("window.stayed = true")
        for number in (1, 2, 3):
            commit(number)
            expect(page.locator("#rows")).to_contain_text(f"miner/model{number}", timeout=10_000)
        expect(page.locator("#rows details")).to_have_attribute("open", "")
        expect(page.get_by_label("Hotkey, repository or uid")).to_have_value("half a na")
        assert page.evaluate("window.stayed"), "the page was loaded again"
        return errors

    assert await shared_browser.visit(visit) == []


async def test_a_page_that_was_refused_asks_again(
    api_settings: Callable[..., ApiSettings], listen: Callable[[ApiSettings], str], shared_browser: SharedBrowser
) -> None:
    """Where too many listen, a page says that it is not live, and is so once there is room."""
    url = listen(api_settings())
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) > 1:
            route.continue_()
        else:
            route.fulfill(status=429)

    def visit(browser: Browser) -> None:
        page, _ = new_page(browser, url)
        page.clock.install()
        page.route("**/v1/live", answer)
        page.goto("/")
        expect(page.locator("#live-state")).to_have_text("not live")
        page.clock.fast_forward(31_000)
        expect(page.locator("#live-state")).to_have_attribute("data-state", "connected")

    await shared_browser.visit(visit)
    assert len(asked) == 2
