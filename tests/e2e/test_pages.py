"""The pages as a browser shows them, on what the demo left."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Response

from tests.builders.browser import NARROW, WIDE, chromium, new_page, opened
from tests.builders.crawler import Visit, crawl, kinds
from tests.builders.finished_demo import FinishedDemo, ServedDemo, served_demo

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine: install the system's package `chromium`"),
]
FIRST_PAGE_BYTES = 120_000
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def served(demo_data: FinishedDemo) -> Iterator[ServedDemo]:
    """The demo's data behind an API."""
    with served_demo(demo_data.folder) as found:
        yield found


@pytest.fixture(scope="module")
def visit(served: ServedDemo) -> Visit:
    """Every page that is reached from the first one."""
    return crawl(served.url)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with opened() as found:
        yield found


def test_every_number_is_what_the_api_says(visit: Visit) -> None:
    """Every page is there, and no number on any is another than that of its source, to the last digit."""
    assert visit.wrong == []
    assert visit.compared > 100, sorted(visit.pages)


def test_pages_are_shown_without_errors_at_a_desk_and_on_a_phone(served: ServedDemo, visit: Visit, browser: Browser) -> None:
    """Each kind of page: nothing in the console, nothing to scroll sideways, and nothing that keeps anybody from reading it."""
    wrong = []
    for size, dark in ((WIDE, False), (NARROW, True)):
        page, errors = new_page(browser, served.url, size, dark=dark)
        for kind, path in kinds(visit).items():
            page.goto(path)
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong.append(f"{kind} at {size[0]} px scrolls sideways")
            for finding in Axe().run(page).response["violations"]:
                if finding["impact"] in SERIOUS:
                    wrong.append(f"{kind} at {size[0]} px: {finding['help']}: {finding['nodes'][0]['html'][:120]}")
        wrong += errors
        page.context.close()
    assert wrong == []


def test_the_first_page_is_light(served: ServedDemo, browser: Browser) -> None:
    """All that it loads, audio aside, is less than the bound."""
    page, _ = new_page(browser, served.url)
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto("/", wait_until="load")
    loaded = {answer.url: len(answer.body()) for answer in answers if not answer.url.endswith("/v1/live")}  # that one never ends
    assert len(loaded) >= 4 and sum(loaded.values()) <= FIRST_PAGE_BYTES, loaded
