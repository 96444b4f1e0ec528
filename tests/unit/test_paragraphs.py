"""Which paragraph explains a number: every number of every template has one, and the page that explains has all of them."""

import re
from importlib import resources

import pytest

from scoring.report import Factor
from voice_api.web.pages.paragraphs import paragraph

_TEMPLATES = resources.files("voice_api.web") / "templates"
_SOURCED = re.compile(r"(?:number|block)\([^{}]*?~ \"([#/a-z0-9_]*[a-z_])\"(?:, [^~{}]*)?\) \}\}")
"""The end of a number's source where a template writes it out."""
_DOCUMENTS = {"agreement.html": "/v1/votes/agreement#", "say.html": "/v1/speech/1"}
"""Whose numbers are of one document; those of all others go by the names of their fields."""


@pytest.mark.parametrize("template", sorted(each.name for each in _TEMPLATES.iterdir() if each.name.endswith(".html")))
def test_a_template_s_numbers_are_all_explained(template: str) -> None:
    """No number that a template names would leave its page unwritten, for want of a paragraph that the page of explanations has."""
    how = (_TEMPLATES / "how.html").read_text(encoding="utf-8")
    known = {*re.findall(r'id="([a-z]+)"', how), *Factor}
    ends = _SOURCED.findall((_TEMPLATES / template).read_text(encoding="utf-8"))
    document = _DOCUMENTS.get(template, "/v1/any#/")
    assert {
        end: paragraph(f"{document}{end.replace('#', '')}") for end in ends if paragraph(f"{document}{end}") not in known
    } == {}


def test_numbers_are_found_in_templates() -> None:
    """The test above looks at something."""
    assert len(_SOURCED.findall((_TEMPLATES / "leaderboard.html").read_text(encoding="utf-8"))) > 15


@pytest.mark.parametrize(
    ("source", "explained"),
    [
        pytest.param("/v1/leaderboard#/rows/3/stderr", "interval", id="name"),
        pytest.param("/v1/weights/ab#/plan/vector/12", "weights", id="a uid at the end"),
        pytest.param("/v1/votes/agreement#/rows/0/share/low", "votes", id="a document of its own"),
        pytest.param("/v1/receipts/ab#/receipt/groups/0/2", "score", id="a list of lists"),
        pytest.param("/v1/evaluations/1/samples#/items/0/utilities/naturalness", "naturalness", id="factor"),
    ],
)
def test_the_last_name_decides(source: str, explained: str) -> None:
    """Positions and uids say nothing."""
    assert paragraph(source) == explained


def test_an_unknown_number_is_an_error() -> None:
    """Rather than a link that leads nowhere."""
    with pytest.raises(KeyError):
        paragraph("/v1/any#/never_heard_of")
