"""A visitor of every page: it follows each link from the first page, and compares each number with where the page says it is from."""

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import httpx

MOST_PAGES = 400
HOW = "/how#"
_NAME = re.compile(r"[0-9A-Za-z@-]{40,}|\d+")
_NO_PAGES = ("/v1/", "/static/", "/docs", "/openapi.json")


@dataclass(slots=True)
class ReadPage(HTMLParser):
    """What a page links to, and the numbers that it shows, each with its source."""

    links: list[str] = field(default_factory=list)
    numbers: list[tuple[str, str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    """Sources of numbers that neither are a link to how they are computed nor are followed by one."""
    _named: str = ""
    """The source of a number that names something: a link to its explanation has to come next."""

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what an element says."""
        said = {name: value or "" for name, value in attrs}
        explains = tag == "a" and said.get("href", "").startswith(HOW)
        if self._named and not explains:
            self.unexplained.append(self._named)
        self._named = ""
        if tag == "a" and "href" in said:
            self.links.append(said["href"])
        if "id" in said:
            self.ids.append(said["id"])
        if "data-number" in said:
            self.numbers.append((said["data-number"], said.get("data-source", "")))
            self._named = "" if explains else said.get("data-source", "")


@dataclass(slots=True)
class Visit:
    """What a crawl found: the pages by path, and everything that is wrong."""

    pages: dict[str, ReadPage] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    compared: int = 0


def crawl(url: str) -> Visit:
    """Visit every page that is reached from the first one, at most MOST_PAGES, and compare every number with its source."""
    visit, seen, waiting = Visit(), {"/"}, deque(["/"])
    with httpx.Client(base_url=url, headers={"Accept": "text/html"}, timeout=30.0) as client:
        sources = _Sources(client)
        while waiting and len(visit.pages) < MOST_PAGES:
            path = waiting.popleft()
            answer = client.get(path)
            if answer.status_code != 200 or "text/html" not in answer.headers["content-type"]:
                visit.wrong.append(f"{path}: {answer.status_code} {answer.headers['content-type']}")
                continue
            page = ReadPage()
            page.feed(answer.text)
            visit.pages[path] = page
            for link in _own(path, page.links):
                if link not in seen:
                    seen.add(link)
                    waiting.append(link)
            for shown, source in page.numbers:
                visit.compared += 1
                if not sources.say(shown, source):
                    visit.wrong.append(f"{path}: {shown} is not what {source} says")
        visit.wrong += [f"{path}: two elements have one id" for path, page in visit.pages.items() if _doubled(page.ids)]
        visit.wrong += [
            f"{path}: no link says how {each} comes about" for path, page in visit.pages.items() for each in page.unexplained
        ]
        known = {f"{HOW}{each}" for each in visit.pages["/how"].ids}
        led = {link for page in visit.pages.values() for link in page.links if link.startswith(HOW)}
        visit.wrong += [f"{link} is no paragraph" for link in sorted(led - known)]
    return visit


def kinds(visit: Visit) -> dict[str, str]:
    """One page of each kind, by its kind: paths that differ in numbers, hashes and names alone are of one."""
    found: dict[str, str] = {}
    for path in visit.pages:
        bare, _, query = path.partition("?")
        names = "&".join(sorted(part.partition("=")[0] for part in query.split("&") if part))
        found.setdefault(f"{re.sub(_NAME, 'N', bare)}{'?' if names else ''}{names}", path)
    return found


def _own(path: str, links: list[str]) -> Iterator[str]:
    """Pages of the same server."""
    for link in links:
        whole = urldefrag(urljoin(f"http://here{path}", link)).url
        if whole.startswith("http://here/") and not urlsplit(whole).path.startswith(_NO_PAGES):
            yield whole.removeprefix("http://here")


def _doubled(ids: list[str]) -> bool:
    return len(ids) != len(set(ids))


@dataclass(slots=True)
class _Sources:
    """Documents of the API, each read once."""

    client: httpx.Client
    read: dict[str, object] = field(default_factory=dict)

    def say(self, shown: str, source: str) -> bool:
        """Whether the value at a source, a path and a JSON pointer, is the shown one to the last digit."""
        path, _, pointer = source.partition("#")
        if path not in self.read:
            answer = self.client.get(path, headers={"Accept": "application/json"})
            self.read[path] = answer.json() if answer.is_success else None
        try:
            value = _at(self.read[path], pointer)
            return value is not None and json.loads(shown) == value
        except (KeyError, IndexError, TypeError, ValueError):
            return False


def _at(document: object, pointer: str) -> object:
    """The value that a JSON pointer (RFC 6901) names."""
    for part in pointer.split("/")[1:]:
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(document, list):
            document = document[int(name)]
        elif isinstance(document, Mapping):
            document = document[name]
        else:
            raise KeyError(name)
    return document
