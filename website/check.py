"""What the built site promises: each of its files leads to files of its own, and asks no other host for anything."""

import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from website.assemble import ROOT

OUT = ROOT / "build" / "site" / "html"
_FETCHED = {"src", "srcset", "data", "poster", "action", "formaction"}
_IN_STYLES = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


class _Page(HTMLParser):
    """Collects what a page fetches by itself, where a reader may go from it, and its own places to go to."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.led: list[str] = []
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name in _FETCHED or (tag == "link" and name == "href"):
                self.fetched.append(value)
            elif name == "href":
                self.led.append(value)
            elif name in ("id", "name"):
                self.places.add(value)


def faults(site: Path) -> list[str]:
    """What a page or a style fetches from elsewhere, and each address of a file, or of a place on a page, that the site lacks."""
    found = []
    for path in sorted(site.rglob("*")):
        if path.suffix == ".html":
            found += [f"{path.relative_to(site)}: {fault}" for fault in _faults_of_page(site, path)]
        elif path.suffix == ".css":
            addresses = _IN_STYLES.findall(path.read_text(encoding="utf-8"))
            found += [f"{path.relative_to(site)}: fetches {one or other}" for one, other in addresses if _foreign(one or other)]
    return found


@cache
def _page(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _faults_of_page(site: Path, path: Path) -> Iterator[str]:
    page = _page(path)
    yield from (f"fetches {address}" for address in page.fetched if _foreign(address))
    for address in (*page.fetched, *page.led):
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        base = site if parts.path.startswith("/") else path.parent
        target = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
        if not target.exists():
            yield f"{address} leads to no file"
        elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in _page(target).places:
            yield f"{address} leads to no place on the page"


def _foreign(address: str) -> bool:
    """Whether an address is another host's; what is written into the page itself is not."""
    parts = urlsplit(address.strip())
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def main(site: Path) -> int:
    """Print each fault; return the process's exit code."""
    pages, found = len(list(site.rglob("*.html"))), faults(site)
    sys.stdout.writelines(f"{fault}\n" for fault in found)
    sys.stdout.write(f"{site.relative_to(ROOT)}: {pages} pages, {len(found)} faults\n")
    return 1 if found or not pages else 0


if __name__ == "__main__":
    sys.exit(main(OUT))
