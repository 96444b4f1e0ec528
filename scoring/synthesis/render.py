"""A prompt in the words that a model family was trained on."""

from dataclasses import dataclass

from prompts.groups import Prompt
from scoring.language.text import read_out
from scoring.synthesis.families import FAMILIES


class UnknownFamily(KeyError):
    """There is no such model family."""

    def __str__(self) -> str:
        return f"no model family {self.args[0]!r}; there are {', '.join(FAMILIES)}"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A model's input: the text to speak, and the voice in words (None if the family takes none)."""

    text: str
    description: str | None


def render(family: str, prompt: Prompt) -> Rendered:
    """The prompt as this family takes it; raises UnknownFamily."""
    if family not in FAMILIES:
        raise UnknownFamily(family)
    template = FAMILIES[family].template
    words = {"text": prompt.text, "read_out": read_out(prompt.text), "description": prompt.description}
    description = None if template.description is None else template.description.format(**words)
    return Rendered(template.text.format(**words), description)
