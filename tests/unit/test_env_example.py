"""`.env.example` and the settings classes say the same."""

import inspect
import re
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

import neurons.settings
import voice_api.settings
import workers.settings
from tests.builders.addresses import ALICE
from voice_api.settings import ProcessSettings

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENT = re.compile(r"^(?P<name>[A-Z0-9_]+)=(?P<value>.*)$", re.MULTILINE)
LINES = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
EXAMPLE = {found["name"]: found["value"] for found in map(ASSIGNMENT.match, LINES) if found}
IN_COMPOSE = re.compile(r"\$\{([A-Z0-9_]+)(?::-([^}]*))?")
REQUIRED = {"DATABASE_URL": "postgresql://host/name", "REDIS_URL": "redis://host", "VOICE_API_HOTKEY": ALICE}


def _classes(module: ModuleType) -> list[type[ProcessSettings]]:
    found = [each for _, each in inspect.getmembers(module, inspect.isclass) if issubclass(each, ProcessSettings)]
    return [each for each in found if each.__module__ == module.__name__]


CLASSES = [each for module in (voice_api.settings, workers.settings, neurons.settings) for each in _classes(module)]


def _names(settings: type[ProcessSettings]) -> set[str]:
    return {str(field.validation_alias) for field in settings.model_fields.values()}


def _compose_variables() -> dict[str, str]:
    files = ("docker-compose.yml", "docker/compose.hosts.yml", "compose.worker.yml")
    return dict(IN_COMPOSE.findall("".join((ROOT / file).read_text(encoding="utf-8") for file in files)))


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that holds only what has no default."""
    for name in EXAMPLE:
        monkeypatch.delenv(name, raising=False)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_it_names_what_is_read_and_nothing_else() -> None:
    """Each name is a setting's, a variable of the compose file, or of what updates the stack."""
    settings = set().union(*map(_names, CLASSES))
    updates = set(re.findall(r'"(VOICE_[A-Z_]+)"', (ROOT / "docker" / "update_steps.py").read_text(encoding="utf-8")))

    assert set(EXAMPLE) == settings | set(_compose_variables()) | updates


def test_each_name_stands_once_below_a_comment() -> None:
    """A reader finds one line of explanation above each name."""
    places = [number for number, line in enumerate(LINES) if ASSIGNMENT.match(line)]

    assert len(places) == len(EXAMPLE)
    assert [LINES[number] for number in places if not LINES[number - 1].startswith("# ")] == []


@pytest.mark.parametrize("settings", CLASSES, ids=lambda settings: settings.__name__)
def test_its_values_are_the_defaults(settings: type[ProcessSettings], bare: pytest.MonkeyPatch) -> None:
    """A copy of the file changes nothing: its values make the same settings as an empty environment."""
    defaults = settings()
    for name in _names(settings) - set(REQUIRED):
        bare.setenv(name, EXAMPLE[name])

    assert settings() == defaults


@pytest.mark.parametrize("settings", CLASSES, ids=lambda settings: settings.__name__)
def test_an_empty_value_is_a_default_that_says_nothing(settings: type[ProcessSettings]) -> None:
    """What has a default that a reader could use shows it; the packaged competition's path is this machine's and is left out."""
    hidden = {
        field.validation_alias: field.default
        for field in settings.model_fields.values()
        if not EXAMPLE[str(field.validation_alias)] and field.default and not field.is_required()
    }

    assert hidden.keys() <= {"VOICE_COMPETITION"}


def test_the_few_that_must_be_set_say_so_and_are_empty() -> None:
    """What has no default, and what would be somebody else's subnet; no network is preset."""
    marked = {
        match["name"]
        for above, line in pairwise(LINES)
        if above.startswith("# Must be set") and (match := ASSIGNMENT.match(line))
    }
    required = {str(field.validation_alias) for each in CLASSES for field in each.model_fields.values() if field.is_required()}

    assert marked == required | {"BT_NETWORK", "VOICE_NETUID"}
    assert [EXAMPLE[name] for name in marked] == [""] * len(marked)


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "HF_TOKEN"])
def test_secrets_are_empty(name: str) -> None:
    """The file holds no secret, not even an example of one."""
    assert EXAMPLE[name] == ""


def test_the_compose_file_repeats_no_other_default() -> None:
    """A default in the compose file is the example's, or is left to the process."""
    shown = {name: default for name, default in _compose_variables().items() if default}

    assert shown == {name: EXAMPLE[name] for name in shown}
