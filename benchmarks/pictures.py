"""Pictures of every kind of page, wide and narrow, light and dark, on what a finished demo left: to be looked at.

`python -m benchmarks.pictures` writes them into .voice/pictures; with `--readme` also the two that README shows.
"""

import argparse
import re
import sys
from pathlib import Path

from playwright.sync_api import Page

from tests.builders.browser import NARROW, WIDE, chromium, new_page, opened
from tests.builders.crawler import crawl, kinds
from tests.builders.finished_demo import served_demo

ROOT = Path(__file__).parents[1]
OUT = ROOT / ".voice" / "pictures"
README = {"/": "leaderboard.png", "/listen": "listen.png"}
"""Pages that README shows, by path."""
_README_SIZE = (1180, 1160)


def main() -> int:
    """Serve the demo's data, visit one page of each kind, and write its pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=ROOT / ".voice" / "demo", help="a finished demo's folder")
    parser.add_argument("--readme", action="store_true", help="write the pictures of README, too")
    options = parser.parse_args()
    if chromium() is None or not (options.demo / "postgres").is_dir():
        sys.stderr.write("This needs Chromium (the system's package `chromium`), and a finished demo: `make demo ONCE=1`.\n")
        return 2
    OUT.mkdir(parents=True, exist_ok=True)
    with served_demo(options.demo) as served, opened() as browser:
        paths = kinds(crawl(served.url))
        for name, size, dark in (("wide", WIDE, False), ("narrow", NARROW, False), ("dark", WIDE, True)):
            page, _ = new_page(browser, served.url, size, dark=dark)
            for kind, path in paths.items():
                _settled(page, path)
                page.screenshot(path=OUT / f"{_name(kind)}-{name}.png", full_page=True)
            page.context.close()
        if options.readme:
            page, _ = new_page(browser, served.url, _README_SIZE)
            for path, file in README.items():
                _settled(page, path)
                page.screenshot(path=ROOT / "docs" / "pictures" / file)
    sys.stdout.write(f"{3 * len(paths)} pictures of {len(paths)} kinds of page are in {OUT.relative_to(ROOT)}\n")
    return 0


def _settled(page: Page, path: str) -> None:
    """Open a page and wait until all that it loads by itself is there; what stays connected is not waited for."""
    page.goto(path, wait_until="load")
    page.wait_for_timeout(300)


def _name(kind: str) -> str:
    return re.sub(r"\W+", "-", kind).strip("-") or "leaderboard"


if __name__ == "__main__":
    sys.exit(main())
