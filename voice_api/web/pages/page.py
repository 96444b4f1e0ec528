"""What every page has: its frame, the filters of its templates, its static files, and the policy of what it may load."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from importlib import resources
from urllib.parse import urlencode

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from scoring.foreign_words import escaped, in_template
from scoring.types import MICRO, Micro
from voice_api.web.openapi import kind_of
from voice_api.web.pages import charts
from voice_api.web.pages.paragraphs import paragraph

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""A page loads from where it came from, and nothing is written into it: no script, no style, no picture of somebody else's."""


@dataclass(frozen=True, slots=True)
class NavigationLink:
    """A page that every page leads to."""

    path: str
    title: str


NAVIGATION = (
    NavigationLink("/", "Leaderboard"),
    NavigationLink("/listen", "Listen"),
    NavigationLink("/say", "Say"),
    NavigationLink("/duels", "Duels"),
    NavigationLink("/rounds", "Rounds"),
    NavigationLink("/queue", "Queue"),
    NavigationLink("/weights", "Weights"),
    NavigationLink("/status", "Status"),
    NavigationLink("/how", "How it works"),
    NavigationLink("/docs", "API"),
)
"""In the order in which they are shown."""


def page(template: str, *, path: str, title: str, status: HTTPStatus = HTTPStatus.OK, **context: object) -> HTMLResponse:
    """A page inside the frame; `path` is that of the navigation's link that it belongs to, '' for none."""
    html = environment().get_template(template).render(navigation=NAVIGATION, here=path, title=title, **context)
    return html_page(html, status)


def html_page(html: str | bytes, status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    """Finished HTML under the policy of every page."""
    return HTMLResponse(html, status, headers={"Content-Security-Policy": POLICY})


def decimal(score: Micro) -> str:
    """A score as people read it.

    >>> decimal(Micro(926_312))
    '0.9263'
    """
    return f"{score / MICRO:.4f}"


def short(address: str) -> str:
    """The two ends of an address or a hash, for where the whole of it stands elsewhere.

    >>> short("5FXAWhd6TqrvxHMBHwUx8iwii4gfsc1u1FsrNyvA7Ln81LdN")
    '5FXAWh…1LdN'
    """
    return address if len(address) <= 14 else f"{address[:6]}…{address[-4:]}"


def told(words: str | None) -> str:
    """Words that a stranger chose, on one line: control characters and turned text are shown as what they are."""
    return escaped(words or "")


def grouped(number: int) -> str:
    """A count or a height as people read it.

    >>> grouped(433_440)
    '433,440'
    """
    return f"{number:,}"


def percent(share: float) -> str:
    """A share of a whole.

    >>> percent(0.1405)
    '14.05 %'
    """
    return f"{share:.2%}".replace("%", " %")


def duration(seconds: float) -> str:
    """A span of time in its two largest units.

    >>> duration(3_725), duration(42)
    ('1 h 2 min', '42 s')
    """
    whole = round(seconds)
    parts = ((whole // 86_400, "d"), (whole // 3_600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    first = next((place for place, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number) or "0 s"


def signed(lead: Micro) -> str:
    """A difference of two scores, in points.

    >>> signed(Micro(31_000)), signed(Micro(-400))
    ('+0.0310', '-0.0004')
    """
    return f"{lead / MICRO:+.4f}"


def evidence(wealth: float) -> str:
    """A duel's evidence: a factor, of which three digits say enough.

    >>> evidence(41.7312), evidence(12_345.6), evidence(0.00001)
    ('41.7', '12,346', '< 0.001')
    """
    if wealth < 0.001:
        return "< 0.001"
    return f"{wealth:,.0f}" if wealth >= 1_000 else f"{wealth:.3g}"


def query(values: Mapping[str, object]) -> str:
    """A query of the values that are there.

    >>> query({"track": "small", "after": None, "search": ""})
    'track=small'
    """
    return urlencode({name: value for name, value in values.items() if value})


def sentence(words: str) -> str:
    """Words as a sentence of their own; names in them keep their letters.

    >>> sentence("the validator 5Fx waits")
    'The validator 5Fx waits.'
    """
    return f"{words[:1].upper()}{words[1:]}."


def moment(at: datetime) -> str:
    """A moment in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@cache
def environment() -> Environment:
    """The templates, in which everything is escaped and nothing may be missing."""
    found = Environment(
        loader=PackageLoader("voice_api.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=in_template,
    )
    found.filters |= {"evidence": evidence, "signed": signed, "sparkline": charts.sparkline, "query": query, "sentence": sentence}
    found.globals |= {"evidence_chart": charts.evidence_chart, "evidence_share": charts.evidence_share}
    found.filters |= {"duration": duration, "grouped": grouped, "moment": moment, "percent": percent}
    found.filters |= {"decimal": decimal, "kind": kind_of, "paragraph": paragraph, "short": short, "told": told}
    found.globals["static"] = static_path
    return found


def static_file(name: str) -> bytes:
    """A static file of ours; raises FileNotFoundError."""
    return resources.files("voice_api.web").joinpath("static", name).read_bytes()


@cache
def static_path(name: str) -> str:
    """The path of a static file, with its content's hash in it: it may be kept for ever."""
    return f"/static/{hashlib.sha256(static_file(name)).hexdigest()[:16]}/{name}"
