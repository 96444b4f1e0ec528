"""Every page of the site, of docs/, of the files at the root, and of the code: in one folder, with links that hold there."""

import posixpath
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from website import alerts, commands, competition_page, metrics, settings_page
from website.links import headings, links, lists_apart, rewritten, slug, target_of

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "site" / "pages"
AT_THE_ROOT: Mapping[str, str] = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
}
"""Pages that stand at the root of the repository, and their places on the site."""
FRONT = "docs/index.md"
"""The place that website/index.md has as far as its links go. It is on the site alone, so it may name pages that are rendered."""
PICTURES = (".png", ".svg")
_SOURCE = """# {path}

A file of the repository, as it was when this site was made.

{body}"""
_LANGUAGES = {".toml": "toml", ".yml": "yaml", ".py": "python", ".sql": "sql", ".json": "json"}


def rendered(root: Path = ROOT) -> dict[str, str]:
    """The pages that the code renders, by the places in docs/ that they would have."""
    return {
        "docs/reference/alerts.md": alerts.page(root),
        "docs/reference/commands.md": commands.page(),
        "docs/reference/competition.md": competition_page.page(),
        "docs/reference/metrics.md": metrics.page(root),
        "docs/reference/settings.md": settings_page.page(root),
    }


def written(root: Path = ROOT) -> dict[str, str]:
    """The pages that stand in files, by their paths from the root."""
    paths = [*(root / "docs").rglob("*.md"), *(root / name for name in AT_THE_ROOT)]
    pages = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in sorted(paths)}
    return pages | {FRONT: (root / "website" / "index.md").read_text(encoding="utf-8")}


def site_pages(root: Path = ROOT) -> dict[str, str]:
    """Every page by its path on the site; raises ValueError for a link that leads to nothing."""
    pages = written(root) | rendered(root)
    pages["docs/runbooks.md"] += alerts.by_name(root) + _sections_of(pages["docs/operations.md"], "operations.md")
    sources: set[str] = set()
    placed = {place(path): _with_links(root, path, text, pages, sources) for path, text in pages.items()}
    return placed | {place(path): _source(root, path) for path in sorted(sources)}


def place(path: str) -> str:
    """Where a file of the repository is on the site: a page or a picture of docs/, a page of the root, or the page of a source."""
    if path in AT_THE_ROOT:
        return AT_THE_ROOT[path]
    if path.startswith("docs/") and path.endswith((".md", *PICTURES)):
        return path.removeprefix("docs/")
    return "index.md" if path == "README.md" else f"source/{path.lstrip('.')}.md"


def _with_links(root: Path, path: str, text: str, pages: Mapping[str, str], sources: set[str]) -> str:
    """A page with its links as the site has them; what they lead to and is no page is added to `sources`."""

    def rewrite(link: str) -> str:
        target = target_of(path, link)
        if target is None or not target.path:
            return link
        if target.path not in pages and not (root / target.path).exists():
            raise ValueError(f"{path}: {link} leads to no file")
        if target.path not in pages and target.path != "README.md" and not target.path.endswith(PICTURES):
            sources.add(target.path)
        where = posixpath.relpath(place(target.path), posixpath.dirname(place(path)) or ".")
        return f"{where}#{target.anchor}" if target.anchor else where

    return lists_apart(rewritten(text, rewrite))


def _source(root: Path, path: str) -> str:
    """The page of a file, or of a folder's files, one after the other."""
    found = root / path
    files = sorted(each for each in found.iterdir() if each.is_file()) if found.is_dir() else [found]
    return _SOURCE.format(path=path, body="\n".join(map(_block, files)))


def _block(file: Path) -> str:
    text = file.read_text(encoding="utf-8").rstrip()
    return f"## {file.name}\n\n````{_LANGUAGES.get(file.suffix, 'text')}\n{text}\n````\n"


def _sections_of(text: str, page: str) -> str:
    """A list of every section of a page."""
    titles = headings(text)[1:]
    listed = "\n".join(f"- [{title}]({page}#{slug(title)})" for title in titles)
    return f"\n## Every section of operations\n\n{listed}\n"


def pictures(root: Path = ROOT) -> dict[str, Path]:
    """The pictures that pages show, by their paths on the site."""
    shown = {
        target.path
        for path, text in written(root).items()
        for link in links(text)
        if (target := target_of(path, link)) and target.path.endswith(PICTURES)
    }
    return {place(path): root / path for path in sorted(shown)}


def main(out: Path) -> None:
    """Write the site's pages into a folder of their own, which is emptied before."""
    shutil.rmtree(out, ignore_errors=True)
    pages = site_pages()
    for path, text in pages.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text, encoding="utf-8")
    for path, picture in (pictures() | {"style.css": ROOT / "website" / "style.css"}).items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, out / path)
    sys.stdout.write(f"{out.relative_to(ROOT)}: {len(pages)} pages\n")


if __name__ == "__main__":
    main(OUT)
