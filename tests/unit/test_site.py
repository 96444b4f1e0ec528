"""The documentation site: every page is on it, every link leads somewhere, and what is rendered is whole."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from pydantic import BaseModel

from neurons.cli.main import app
from scoring import competition
from scoring.competition import DEFAULT_PATH
from website import alerts, assemble, check, competition_page, links, tables

ROOT = Path(__file__).resolve().parents[2]
LINKED = [
    "README.md",
    *assemble.AT_THE_ROOT,
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
]


class _Config(yaml.SafeLoader):
    """Reads mkdocs.yml, in which a tag names a function."""


_Config.add_multi_constructor("tag:yaml.org,2002:python/", lambda _loader, suffix, _node: suffix)
CONFIG: dict[str, Any] = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), _Config)  # noqa: S506 - a safe one, see above


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Every page of the site."""
    return assemble.site_pages()


def _named(nav: Any) -> list[str]:
    """The pages that a part of the navigation names."""
    match nav:
        case str():
            return [nav]
        case list():
            return [page for part in nav for page in _named(part)]
        case dict():
            return [page for part in nav.values() for page in _named(part)]
    raise TypeError(nav)


@pytest.mark.parametrize("page", LINKED)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: str) -> None:
    """Also where a reader of the repository follows it, not of the site."""
    assert links.faults(ROOT, page) == []


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    """To a missing file, or to a missing heading; what stands in code is no link."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "there.md").write_text("# There\n\n## A `voice x` of [one](b.md), two\n", encoding="utf-8")
    text = (
        "# Here\n[a](there.md#a-voice-x-of-one-two) [b](there.md#nowhere) [c](gone.md) [d](#here) [e](#hear) [f](https://example.org)\n"
        "`[g](gone.md)`\n```md\n[h](gone.md)\n# Hear\n```\n[![i](gone.png)](there.md)\n"
    )
    (tmp_path / "docs" / "here.md").write_text(text, encoding="utf-8")

    assert [fault.removeprefix("docs/here.md: ") for fault in links.faults(tmp_path, "docs/here.md")] == [
        "there.md#nowhere leads to no heading",
        "gone.md leads to no file",
        "#hear leads to no heading",
        "gone.png leads to no file",
    ]


def test_every_page_can_be_reached(pages: dict[str, str]) -> None:
    """The navigation names each once; what it leaves to others, they link to."""
    named, left = sorted(_named(CONFIG["nav"])), re.compile(r"decisions/0|source/")
    assert named == sorted(page for page in pages if not left.match(page))
    linked = {
        target.path
        for page, text in pages.items()
        for link in links.links(text)
        if (target := links.target_of(page, link)) and target.path != page
    }
    assert pages.keys() - linked - set(named) == set()


def test_links_on_the_site_lead_to_its_pages_and_pictures(pages: dict[str, str]) -> None:
    """Wherever a page stands on the site, and wherever it stood before."""
    there = {*pages, *assemble.pictures()}
    missing = [
        f"{page}: {link}"
        for page, text in pages.items()
        for link in links.links(text)
        if (target := links.target_of(page, link)) and target.path and target.path not in there
    ]
    assert missing == []


def test_lists_are_lists_and_code_in_tables_is_as_it_is_written() -> None:
    """Where the site's Markdown differs from that of the code hosts."""
    page = "Two:\n- one\n- two\n  more\n- three\n\n1. first\n2. second\n```\ntext\n- no list\n```\nand\n1. first"
    assert links.lists_apart(page) == page.replace("Two:\n", "Two:\n\n").replace("and\n", "and\n\n")
    assert tables.code("a|b <c>") == "<code>a&#124;b &lt;c&gt;</code>"
    assert tables.cell("2 * 3 | `a|b` < `c*`") == "2 \\* 3 &#124; <code>a&#124;b</code> &lt; `c*`"


def test_a_file_that_a_page_links_to_has_a_page_of_its_own(pages: dict[str, str]) -> None:
    """With what stands in it; the site knows no other host's copy of the repository."""
    assert (ROOT / "docker" / "Caddyfile").read_text(encoding="utf-8").strip() in pages["source/docker/Caddyfile.md"]
    assert "](source/docker/Caddyfile.md)" in pages["operations.md"]


def test_nothing_is_fetched_from_another_host(pages: dict[str, str]) -> None:
    """No font and no script; a Mermaid block would make the theme fetch one."""
    assert (CONFIG["theme"]["font"], CONFIG["plugins"]) == (False, ["search"])
    assert CONFIG.keys().isdisjoint({"extra_javascript", "repo_url"})
    assert CONFIG["extra_css"] == ["style.css"]
    assert [page for page, text in pages.items() if "```mermaid" in text] == []


def test_the_build_fails_for_a_broken_link() -> None:
    """Of pages and of headings. Where the builder is told to be quiet, it counts no warning, and passes."""
    recipe = re.search(r"^docs: .*\n(?:\t.*\n)+", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe is not None
    assert "mkdocs build --strict\n" in recipe[0]
    assert CONFIG["strict"] is True
    assert set(CONFIG["validation"]["links"].values()) | set(CONFIG["validation"]["nav"].values()) == {"warn"}


def test_what_a_built_page_fetches_or_lacks_is_told(tmp_path: Path) -> None:
    """In pages and in styles; a link for a reader may lead to any host."""
    (tmp_path / "index.html").write_text(
        '<a href="https://example.org">x</a><a href="gone.html#x">x</a><img src="//cdn.example/x.png"><img src="data:image/png,x">'
        '<link href="style.css"><script src="https://cdn.example/x.js"></script><a href="index.html?x#y">x</a><i id="y"><a href="#z">x</a>',
        encoding="utf-8",
    )
    (tmp_path / "style.css").write_text('@import "https://cdn.example/x.css"; a { background: url(style.css) }', encoding="utf-8")

    assert check.faults(tmp_path) == [
        "index.html: fetches //cdn.example/x.png",
        "index.html: fetches https://cdn.example/x.js",
        "index.html: gone.html#x leads to no file",
        "index.html: #z leads to no place on the page",
        "style.css: fetches https://cdn.example/x.css",
    ]


def test_every_command_and_option_is_in_the_reference(pages: dict[str, str]) -> None:
    """Of the whole tree of commands, but what is hidden."""
    page, missing = pages["reference/commands.md"], []
    waiting: list[tuple[str, Any]] = [("voice", typer.main.get_command(app))]
    while waiting:
        path, command = waiting.pop()
        section = page.partition(f"# `{path}`\n")[2].partition("\n#")[0]
        shown = [option for each in command.params if not each.hidden for option in each.opts if option.startswith("--")]
        missing += [f"{path} {option}" for option in shown if option != "--help" and f"{option}" not in section]
        missing += [] if section else [path]
        waiting += [(f"{path} {name}", below) for name, below in getattr(command, "commands", {}).items() if not below.hidden]
    assert missing == []


def test_every_setting_is_in_the_reference_with_who_reads_it(pages: dict[str, str]) -> None:
    """As .env.example has them; one row by hand."""
    rows = dict(re.findall(r"^\| `([A-Z0-9_]+)` \| (.+) \|$", pages["reference/settings.md"], re.MULTILINE))
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert list(rows) == re.findall(r"^([A-Z0-9_]+)=", example, re.MULTILINE)
    assert rows["VOICE_DISPATCH_SECONDS"].startswith("`dispatch_seconds` | `2.0` |")
    assert rows["VOICE_DISPATCH_SECONDS"].endswith("| dispatcher")


def test_every_number_that_an_alert_looks_at_is_in_the_reference_of_metrics(pages: dict[str, str]) -> None:
    """So none that is defined in another way than the others is left out."""
    named = re.findall(r"\bvoice_\w+", (ROOT / "docker" / "alerts.yml").read_text(encoding="utf-8"))
    shown = set(re.findall(r"^\| `(voice_\w+)`", pages["reference/metrics.md"], re.MULTILINE))
    plain = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in named}
    assert plain - {re.sub(r"_total$", "", name) for name in shown} == set()


def test_words_for_a_key_are_for_one_whose_field_says_nothing() -> None:
    """And each is a field's."""
    models = {
        model.__name__: model for model in vars(competition).values() if isinstance(model, type) and issubclass(model, BaseModel)
    }
    named = [name.split(".") for name in competition_page.WORDS]
    assert [name for name in named if name[1] not in models[name[0]].model_fields] == []
    assert [name for name in named if name[1] in competition_page.below_fields(models[name[0]])] == []


def test_every_key_of_the_competition_is_in_its_reference(pages: dict[str, str]) -> None:
    """With the value that ships, and what it means."""
    version = tomllib.loads(DEFAULT_PATH.read_text(encoding="utf-8"))["version"][-1]
    page = pages["reference/competition.md"]
    assert re.findall(r"^\| `\w+` \|.*\|  \|$", page, re.MULTILINE) == []
    for table, keys in version["track"][0].items():
        if isinstance(keys, dict) and table != "factors":
            section = page.partition(f"## `version.track.{table}`\n")[2].partition("\n## ")[0]
            assert [key for key in keys if f"| `{key}` |" not in section] == []
    assert f"| `cooldown_blocks` | `{version['cooldown_blocks']}` |" in page


CODED = re.findall(
    r"^\| ([^|]*\b\d{4}\b[^|]*) \| \[[^\]]*\]\(([\w.]+)#([\w-]+)\) \|$", assemble.written()["docs/runbooks.md"], re.MULTILINE
)


@pytest.mark.parametrize(("symptom", "page", "anchor"), CODED)
def test_the_section_that_a_code_leads_to_speaks_of_it(symptom: str, page: str, anchor: str) -> None:
    """Whoever looks up a code finds it again where the runbook sends them."""
    text = assemble.written()[f"docs/{page}"]
    title = next(title for title in links.headings(text) if links.slug(title) == anchor)
    section = re.split(r"^##+ ", text.partition(f"# {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    assert [number for number in re.findall(r"\b\d{4}\b", symptom) if number not in section] == []


def test_the_runbooks_lead_from_every_alert_to_its_section(pages: dict[str, str]) -> None:
    """By the name that stands in the message."""
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| \[[^\]]+\]\(([^)]+)\) \|$", pages["runbooks.md"], re.MULTILINE))
    assert "{{" not in pages["runbooks.md"]
    named = re.findall(r"- alert: (\w+)", (ROOT / "docker" / "alerts.yml").read_text(encoding="utf-8"))
    assert sorted(rows) == sorted(named) == sorted(alert.name for alert in alerts.found(ROOT))


def test_the_runbooks_lead_to_every_section_of_operations(pages: dict[str, str]) -> None:
    """By a symptom, or in the list that ends the page."""
    sections = {links.slug(title) for title in links.headings(pages["operations.md"])[1:]}
    assert sections - set(re.findall(r"\(operations\.md#([\w-]+)\)", pages["runbooks.md"])) == set()
