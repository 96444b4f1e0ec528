"""Prompts in each family's own words."""

from dataclasses import replace

import pytest

from prompts.groups import Prompt
from prompts.voices import Register, Voice
from scoring.synthesis.families import FAMILIES
from scoring.synthesis.render import Rendered, UnknownFamily, render

PROMPT = Prompt(
    id="g00.a",
    text="Open the gate, {please}.",
    description="A baritone speaks very slowly.",
    voice=Voice(register=Register.LOW, rate=1, pitch=3, expression=3, loudness=3),
)


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        pytest.param("csm", Rendered(PROMPT.text, None), id="csm takes no description"),
        pytest.param("espeak", Rendered(PROMPT.text, PROMPT.description), id="espeak"),
        pytest.param("llama_snac", Rendered(PROMPT.text, PROMPT.description), id="llama_snac"),
        pytest.param("qwen3_tts", Rendered(PROMPT.text, PROMPT.description), id="qwen3_tts"),
        pytest.param("pocket_tts", Rendered(PROMPT.text, None), id="pocket_tts takes no description"),
        pytest.param("vits", Rendered(PROMPT.text, PROMPT.description), id="vits"),
    ],
)
def test_renders(family: str, expected: Rendered) -> None:
    """Each family gets what it understands; braces in a text are not filled in."""
    assert render(family, PROMPT) == expected


def test_a_family_that_knows_no_figures_gets_words() -> None:
    """VITS is given the text as it is read, with its punctuation."""
    prompt = replace(PROMPT, text="Dr. Lee paid $5.50, twice!")
    assert render("vits", prompt).text == "Doctor Lee paid five dollars fifty cents, twice!"


def test_every_template_renders_the_text() -> None:
    """No template loses a word of the text."""
    assert all(PROMPT.text in render(family, PROMPT).text for family in FAMILIES)


def test_a_family_that_hears_descriptions_is_given_them() -> None:
    """And a family without one hears nothing: nobody is asked for what never reaches it."""
    assert {family for family in FAMILIES if render(family, PROMPT).description} == {
        family for family, manifest in FAMILIES.items() if manifest.capabilities.description
    }
    assert all(manifest.capabilities.description or not manifest.capabilities.hears for manifest in FAMILIES.values())


def test_an_unknown_family_is_named() -> None:
    """The error says which family, and which there are."""
    with pytest.raises(
        UnknownFamily, match=r"no model family 'tacotron'; there are csm, espeak, llama_snac, pocket_tts, qwen3_tts, vits"
    ):
        render("tacotron", PROMPT)
