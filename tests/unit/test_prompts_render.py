"""Prompts in each family's own words."""

import pytest

from prompts.groups import Prompt, Register, Voice
from prompts.render import Rendered, UnknownFamily, families, render

PROMPT = Prompt(
    "g00.a",
    "Open the gate, {please}.",
    "A baritone speaks very slowly.",
    Voice(register=Register.LOW, rate=1, pitch=3, expression=3, loudness=3),
)


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        pytest.param("espeak", Rendered(PROMPT.text, PROMPT.description), id="espeak"),
        pytest.param("parler", Rendered(PROMPT.text, PROMPT.description), id="parler"),
        pytest.param("vits", Rendered(PROMPT.text, None), id="vits takes no description"),
        pytest.param("bark", Rendered(PROMPT.text, None), id="bark"),
        pytest.param("dia", Rendered(f"[S1] {PROMPT.text}", None), id="dia marks the speaker"),
        pytest.param("csm", Rendered(f"[0]{PROMPT.text}", None), id="csm numbers the speaker"),
    ],
)
def test_renders(family: str, expected: Rendered) -> None:
    """Each family gets what it understands; braces in a text are not filled in."""
    assert render(family, PROMPT) == expected


def test_every_template_renders_the_text() -> None:
    """No template loses a word of the text."""
    assert all(PROMPT.text in render(family, PROMPT).text for family in families())


def test_an_unknown_family_is_named() -> None:
    """The error says which family, and which there are."""
    with pytest.raises(UnknownFamily, match=r"no prompt template for the model family 'tacotron'; there are bark, csm, dia"):
        render("tacotron", PROMPT)
