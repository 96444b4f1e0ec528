"""The reference of the competition's file: its keys, what each means, and the rules that ship."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from scoring import competition
from scoring.competition import Competition, Schedule
from website.tables import cell, code, table

_HEAD = """# The competition's file

Every number that decides money stands in one TOML file, in versions, and its hash is in each receipt. The file that ships is
below, with its comments; `VOICE_COMPETITION` names another. [How a model is scored](../scoring.md) and
[how miners are paid](../incentives.md) explain the rules, and [for validators](../validator.md#when-rules-change) says how they change.
"""
WORDS: Mapping[str, str] = {
    "Schedule.name": "The competition's name.",
    "Schedule.until_round": "The last round that there are rules for; without it no end is known.",
    "Competition.from_round": "The round from which this version is in force; the first version's is 0.",
    "Competition.licences": "The licences that a model's card may name.",
    "RoundRules.blocks": "A round begins every so many blocks; the same in every version.",
    "Track.name": "The name in receipts, on pages and after `--track`.",
    "Track.profile": "The set of judges: `embedded`, whose networks ship in packages, or `standard`.",
    "Track.families": "The families that compete in it; a family is in one track only.",
    "Track.factors": "Each factor's weight in the score's geometric mean; their sum is 1.",
    "PromptRules.single": "Groups of one prompt.",
    "PromptRules.counterfactual": "Groups of one text under two opposite descriptions.",
    "PromptRules.voice": "Groups of two texts in one voice.",
    "DuelRules.step": "What a duel bets on, one after the other: `group`, or `round` for a round's mean.",
    "DuelRules.margin_start": "The lead that a challenger must show over a king that was just crowned.",
    "DuelRules.margin_end": "The lead over a king of age `margin_decay_blocks` or more.",
    "DuelRules.prior_count": "So many steps' worth `prior_sd` has.",
    "SubmissionLimits.repo_bytes": "The most bytes of a repository.",
    "SubmissionLimits.header_bytes": "The most bytes of a safetensors header.",
    "SubmissionLimits.load_seconds": "The most seconds in which a model loads.",
    "SubmissionLimits.sample_seconds": "No answer is late before so many seconds.",
    "SubmissionLimits.late_factor": "An answer is late after so many times what its family needs for the expected speech.",
    "SubmissionLimits.late_share": "A model of whose samples more than this share are late is refused.",
    "SubmissionLimits.ram_bytes": "The most memory of a model's process.",
    "SubmissionLimits.max_audio_seconds": "The longest clip.",
    "SubmissionLimits.expected_low": "A clip shorter than so many times the expected length is too short.",
    "SubmissionLimits.expected_high": "A clip longer than so many times the expected length is too long.",
    "SynthesisRules.device": "Where models speak: `cpu`, or `cuda` for a card.",
    "SynthesisRules.threads": "Threads of a model's process.",
    "SynthesisRules.batch": "Prompts that are spoken together.",
    "SynthesisRules.dtype": "The numbers that models compute with: `float32`, on cards also `bfloat16`.",
}
"""What a key means whose field says nothing: its name says enough to who reads the code."""


def page() -> str:
    """Every table of the file with its keys, then the file."""
    shipped = competition.load().version[-1]
    sections = [_section(name, model, value) for name, model, value in _tables("", Competition, shipped)]
    file = competition.DEFAULT_PATH.read_text(encoding="utf-8")
    keys = "\n".join(_keys_of_the_file())
    return f"{_HEAD}\n{keys}\n{chr(10).join(sections)}\n## The file that ships\n\n```toml\n{file}```\n"


def _keys_of_the_file() -> Iterator[str]:
    rows = [(code(name), cell(_documented(Schedule).get(name, ""))) for name in Schedule.model_fields if name != "version"]
    yield "## The head of the file\n\n" + cell(inspect.getdoc(Schedule) or "") + "\n"
    yield table(("key", "it means"), rows)


def _tables(place: str, model: type[BaseModel], value: BaseModel) -> Iterator[tuple[str, type[BaseModel], BaseModel]]:
    """A table and those below it, with the values that ship; of a list of tables the first."""
    yield place or "version", model, value
    for name in model.model_fields:
        below = getattr(value, name)
        first = below[0] if isinstance(below, tuple) and below else below
        if isinstance(first, BaseModel):
            yield from _tables(f"{place or 'version'}.{name}", type(first), first)


def _section(place: str, model: type[BaseModel], value: BaseModel) -> str:
    plain = {name: getattr(value, name) for name in model.model_fields}
    said = _documented(model)
    rows = [(code(name), code(_written(each)), cell(said.get(name, ""))) for name, each in plain.items() if not _is_table(each)]
    return f"## `{place}`\n\n{cell(inspect.getdoc(model) or '')}\n\n{table(('key', 'value', 'it means'), rows) if rows else ''}"


def _is_table(value: object) -> bool:
    return isinstance(value, BaseModel) or (isinstance(value, tuple) and bool(value) and isinstance(value[0], BaseModel))


def _written(value: Any) -> str:
    match value:
        case None:
            return ""
        case tuple():
            return "[" + ", ".join(map(str, value)) + "]"
        case Mapping():
            return ", ".join(f"{key} = {each}" for key, each in value.items())
        case float():
            return f"{value:g}"
    return str(value)


def _documented(model: type[BaseModel]) -> dict[str, str]:
    """What stands below each field of a model, the models that it extends included."""
    said = {name: WORDS[f"{model.__name__}.{name}"] for name in model.model_fields if f"{model.__name__}.{name}" in WORDS}
    for each in reversed([base for base in model.__mro__ if issubclass(base, BaseModel) and base is not BaseModel]):
        said |= below_fields(each)
    return said


def below_fields(model: type[BaseModel]) -> dict[str, str]:
    """What stands below each field of a model in its own file."""
    tree = ast.parse(Path(inspect.getfile(model)).read_text(encoding="utf-8"))
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == model.__name__]
    found = {}
    for body in bodies:
        for field, text in pairwise(body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    found[name] = words
    return found
