"""A prompt in the words that a model family was trained on."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from prompts.groups import Prompt

FOLDER = Path(__file__).with_name("templates")


class UnknownFamily(KeyError):
    """There is no template for this model family."""

    def __str__(self) -> str:
        return f"no prompt template for the model family {self.args[0]!r}; there are {', '.join(families())}"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A model's input: the text to speak, and the voice in words (None if the family takes none)."""

    text: str
    description: str | None


@dataclass(frozen=True, slots=True)
class Template:
    """Format strings over `{text}` and `{description}`; `description` is None for families that take none."""

    text: str
    description: str | None


@cache
def families() -> tuple[str, ...]:
    """The model families that have a template."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def render(family: str, prompt: Prompt) -> Rendered:
    """The prompt as this family takes it; raises UnknownFamily."""
    template = _template(family)
    words = {"text": prompt.text, "description": prompt.description}
    description = None if template.description is None else template.description.format(**words)
    return Rendered(template.text.format(**words), description)


@cache
def _template(family: str) -> Template:
    if family not in families():
        raise UnknownFamily(family)
    raw = yaml.safe_load((FOLDER / f"{family}.yaml").read_text(encoding="utf-8"))
    return Template(raw["text"], raw["description"])
