"""What a listener hears in a browser, on what the demo left."""

import asyncio
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from scoring.types import Block, BlockHash, RoundNumber
from tests.builders.browser import chromium, new_page, opened
from tests.builders.finished_demo import FinishedDemo, ServedDemo, served_demo
from voice_api.db.database import open_pool
from voice_api.db.rounds import NewRound, Rounds

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine: install the system's package `chromium`"),
]
SWITCH_SECONDS = 0.05
"""Within this time of the audio clock after a key, another model is heard, and it alone."""
WAIT_SECONDS = 20
TAPS = """
const connect = AudioNode.prototype.connect;
window.taps = [];
AudioNode.prototype.connect = function (target, ...rest) {
  if (target === this.context.destination) {
    const tap = new AnalyserNode(this.context, { fftSize: 256 });
    connect.call(this, tap);
    window.taps.push(tap);
  }
  return connect.call(this, target, ...rest);
};
window.levels = () => window.taps.map((tap) => {
  const sound = new Float32Array(tap.fftSize);
  tap.getFloatTimeDomainData(sound);
  return Math.max(...sound.map(Math.abs));
});
"""
"""What reaches the loudspeaker is listened to as well, clip by clip: the levels of some 5 ms each."""
HASH = """
async ([path, rate]) => {
  const bytes = await (await fetch(path)).arrayBuffer();
  const sound = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes);
  const pcm = Int16Array.from(sound.getChannelData(0), (value) => Math.round(value * (value < 0 ? 32768 : 32767)));
  const digest = await crypto.subtle.digest("SHA-256", pcm.buffer);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
"""


@pytest.fixture(scope="module")
def served(demo_data: FinishedDemo) -> Iterator[ServedDemo]:
    """The demo's data behind an API."""
    with served_demo(demo_data.folder) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with opened() as found:
        yield found


@pytest.fixture
def page(served: ServedDemo, browser: Browser) -> Iterator[Page]:
    """A page that may have no errors."""
    opened_page, errors = new_page(browser, served.url)
    yield opened_page
    opened_page.context.close()
    assert errors == []


def wait_until(page: Page, expression: str) -> None:
    """Wait until a page's expression holds; the driver's own way needs `eval`, which the page's policy forbids."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(20)


def test_a_players_time_advances(page: Page) -> None:
    """The first player of the listening page plays: sound is decoded, and time goes on."""
    page.goto("/listen")
    page.evaluate("document.querySelector('audio').play()")
    wait_until(page, "document.querySelector('audio').currentTime > 0.2")


def test_a_browser_decodes_what_the_receipt_hashes(page: Page, served: ServedDemo) -> None:
    """Of the king's last evaluation: the PCM of each FLAC has, in the browser, the hash that is signed."""
    with httpx.Client(base_url=served.url) as client:
        king = next(row for row in client.get("/v1/leaderboard").json()["rows"] if row["king"])
        found = client.get("/v1/evaluations", params={"submission": king["submission"]["id"]}).json()["items"]
        evaluation = next(each for each in reversed(found) if each["state"] == "scored")
        samples = client.get(f"/v1/evaluations/{evaluation['id']}/samples").json()["items"]
        receipt = client.get(f"/v1/receipts/{evaluation['receipt_hash']}").json()["receipt"]
    signed = {sample["pcm_sha256"] for sample in receipt["samples"]}
    page.goto("/how")
    decoded = [page.evaluate(HASH, [f"/v1/samples/{sample['pcm_sha256']}", sample["rate"]]) for sample in samples]
    assert decoded == [sample["pcm_sha256"] for sample in samples]
    assert set(decoded) == signed


def test_another_model_is_heard_at_once_and_as_loud(page: Page) -> None:
    """While it plays, a key turns one model off and another on, within some milliseconds; all are at one loudness."""
    page.add_init_script(TAPS)
    page.goto("/listen")
    cards = page.locator(".heard[data-opus]")
    assert cards.count() >= 2
    page.locator("#play").click()
    wait_until(page, "document.getElementById('transport').dataset.state === 'playing' && window.levels()[0] > 0.01")
    heard = page.evaluate(
        """async (within) => {
          const wait = () => new Promise((resolve) => setTimeout(resolve, 1));
          const clock = () => window.taps[0].context.currentTime;
          document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "2", bubbles: true }));
          const until = clock() + within;
          while (clock() < until) await wait();
          const silent = window.levels()[0];
          for (let tries = 0; tries < 2000 && window.levels()[1] < 0.001; tries += 1) await wait();
          return { silent, sound: window.levels()[1] };
        }""",
        SWITCH_SECONDS,
    )
    assert heard["silent"] == 0.0
    assert heard["sound"] > 0.001
    loudness = [
        float(card.get_attribute("data-lufs") or "nan") + 20 * math.log10(gain)
        for card, gain in zip(cards.all(), _gains(page, cards.count()), strict=True)
    ]
    assert max(loudness) - min(loudness) < 0.1


def _gains(page: Page, clips: int) -> list[float]:
    """By how much each clip is turned up or down, as the page says when it switches to it."""
    return [
        page.evaluate(
            """(key) => new Promise((resolve) => {
              document.addEventListener("switched", (event) => resolve(event.detail.gain), { once: true });
              document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
            })""",
            str(number),
        )
        for number in range(1, clips + 1)
    ]


def test_news_come_without_a_reload(page: Page, served: ServedDemo) -> None:
    """A round that opens is on the page a moment later; the page is the same one, and what was chosen in it stays chosen."""
    page.goto("/rounds")
    expect(page.locator("#live-state")).to_have_attribute("data-state", "connected")
    page.evaluate("window.same = true; getSelection().selectAllChildren(document.querySelector('h1'))")
    number = RoundNumber(700)

    async def open_round() -> None:
        async with open_pool(served.database_url, size=1) as pool:
            new = NewRound(
                round=number,
                start_block=Block(70_000),
                block_hash=BlockHash(f"0x{'7' * 64}"),
                deadline_block=Block(70_999),
                competition_hash="c" * 64,
            )
            assert await Rounds(pool).open(new, [])

    with ThreadPoolExecutor(1) as beside:  # the browser's driver has a loop in this thread
        beside.submit(asyncio.run, open_round()).result()
    expect(page.locator(f"a[href='/rounds/{number}']").first).to_be_visible(timeout=15_000)
    assert page.evaluate("[window.same, String(getSelection())]") == [True, page.locator("h1").inner_text()]
