"""The API's reference in a browser: it lists every operation, searches, and tries a request."""

from collections.abc import Callable
from functools import partial

import httpx
import pytest
from playwright.sync_api import Browser

from tests.builders.browser import SharedBrowser, chromium, new_page
from voice_api.settings import ApiSettings

pytestmark = pytest.mark.skipif(chromium() is None, reason="there is no Chromium here")
Listen = Callable[[ApiSettings], str]


def looked_at(opened: Browser, url: str) -> tuple[int, list[str], str, list[str]]:
    """The number of operations shown, the paths that a search leaves, the status of a tried request, and the console's errors."""
    page, errors = new_page(opened, url)
    page.goto("/docs")
    page.wait_for_selector(".opblock")
    count = page.locator(".opblock").count()
    page.fill(".operation-filter-input", "curve evidence")
    page.wait_for_function("document.querySelectorAll('.opblock').length === 1")
    found = page.locator(".opblock-summary-path").evaluate_all("paths => paths.map(path => path.dataset.path)")
    page.fill(".operation-filter-input", "errors")
    page.locator("[data-path='/v1/errors']").click()
    page.click("button.execute")
    status = page.locator(".live-responses-table .response-col_status").nth(1).inner_text()
    return count, found, status, errors


async def test_the_viewer_lists_searches_and_tries(
    listen: Listen, api_settings: Callable[..., ApiSettings], shared_browser: SharedBrowser
) -> None:
    """Under a policy that lets nothing of elsewhere in, without an error in the console."""
    url = listen(api_settings())
    async with httpx.AsyncClient(base_url=url) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
    count, found, status, errors = await shared_browser.visit(partial(looked_at, url=url))
    assert (count, errors) == (sum(map(len, paths.values())), [])
    assert (found, status.split()[0]) == (["/v1/duels/{track}/{opened}"], "200")


async def test_a_packed_file_is_the_same(listen: Listen, api_settings: Callable[..., ApiSettings]) -> None:
    """Whoever takes no gzip gets the file as it is."""
    async with httpx.AsyncClient(base_url=listen(api_settings())) as client:
        page = (await client.get("/docs")).text
        path = page[page.index("/docs/viewer/") :].partition('"')[0]
        packed = await client.get(path)
        plain = await client.get(path, headers={"Accept-Encoding": "identity"})
    assert (packed.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
    assert packed.content == plain.content and len(plain.content) > 100_000
