"""Links of Markdown pages: found, checked, and written anew for where a page stands on the site."""

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TOKEN = re.compile(
    r"""
      ^(?P<fence>`{3,})[^\n]*\n.*?^(?P=fence)\s*?$   # a fenced block
    | (?P<ticks>`+)[^`].*?(?P=ticks)                 # a code span
    | \]\((?P<target>[^)\s]+)\)                      # the end of a link: only here does a target stand
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
_HEADING = re.compile(r"^#{1,6} +(?P<title>.+?) *#*$", re.MULTILINE)
_ITEM = re.compile(r"(?:[-*]|1\.) ")
_PROSE = re.compile(r"(?![-*|#<] |\d+\. |\s)\S")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:")
_MARKS = re.compile(r"[^\w\- ]")
_LINKED = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True, slots=True)
class Target:
    """What a link leads to: a path from the root of the repository, '' for the page itself, and a heading's anchor, '' for none."""

    path: str
    anchor: str


def target_of(page: str, link: str) -> Target | None:
    """The target of a link that stands on a page, both from the root of the repository; None for an address of another host."""
    if _ELSEWHERE.match(link):
        return None
    path, _, anchor = link.partition("#")
    return Target(posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else "", anchor)


def links(text: str) -> Iterator[str]:
    """Every link of a page, as it is written; none of those in code."""
    return (match["target"] for match in _TOKEN.finditer(text) if match["target"])


def rewritten(text: str, rewrite: Callable[[str], str]) -> str:
    """The page with each of its links written anew."""

    def replace(match: re.Match[str]) -> str:
        return f"]({rewrite(match['target'])})" if match["target"] else match[0]

    return _TOKEN.sub(replace, text)


def lists_apart(text: str) -> str:
    """The page with an empty line before each list, which the site's Markdown needs and the code hosts' does not."""
    lines: list[str] = []
    is_code = False
    for line in text.split("\n"):
        is_code ^= line.startswith("```")
        if not is_code and _ITEM.match(line) and lines and _PROSE.match(lines[-1]):
            lines.append("")
        lines.append(line)
    return "\n".join(lines)


def slug(title: str) -> str:
    """The anchor of a heading, as the site and the code hosts make it."""
    plain = _LINKED.sub(r"\1", title).replace("`", "").replace("\\", "")
    return _MARKS.sub("", plain.strip().lower()).replace(" ", "-")


def headings(text: str) -> list[str]:
    """The titles of a page, without those in code."""
    bare = _TOKEN.sub(lambda match: "" if match["fence"] else match[0], text)
    return [match["title"] for match in _HEADING.finditer(bare)]


def faults(root: Path, page: str) -> list[str]:
    """Links of a page that lead nowhere: to no file of the repository, or to no heading of a page."""
    found = []
    for link in links(_read(root / page)):
        target = target_of(page, link)
        if target is None:
            continue
        path = target.path or page
        if not (root / path).exists():
            found.append(f"{page}: {link} leads to no file")
        elif target.anchor and target.anchor not in map(slug, headings(_read(root / path))):
            found.append(f"{page}: {link} leads to no heading")
    return found


@cache
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
