"""Every command of `voice`, each of its options, and the settings that stand for them."""

import inspect
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main

import neurons.settings
import voice_api.settings
import workers.settings
from neurons.cli.commands import COMMANDS
from neurons.cli.main import ANYWHERE, app, taken_out
from neurons.settings import ChainSettings
from tests.builders.command_line import voice
from voice_api.settings import ProcessSettings

ROOT: Any = typer.main.get_command(app)


def walk(command: Any, path: tuple[str, ...] = ("voice",)) -> Iterator[tuple[str, Any]]:
    """A command and all below it, with their lines."""
    yield " ".join(path), command
    for name, below in getattr(command, "commands", {}).items():
        yield from walk(below, (*path, name))


EVERY = dict(walk(ROOT))


def _settings(module: ModuleType) -> list[type[ProcessSettings]]:
    found = [each for _, each in inspect.getmembers(module, inspect.isclass) if issubclass(each, ProcessSettings)]
    return [each for each in found if each.__module__ == module.__name__]


CLASSES = [each for module in (voice_api.settings, workers.settings, neurons.settings) for each in _settings(module)]
VARIABLES = {str(field.validation_alias) for each in CLASSES for field in each.model_fields.values()}


def _options(command: Any) -> dict[str, Any]:
    return {option: parameter for parameter in command.params for option in parameter.opts if option.startswith("-")}


@pytest.mark.parametrize("line", EVERY)
def test_each_command_and_option_has_help(line: str) -> None:
    """And none takes a letter of its own that means the same everywhere."""
    command = EVERY[line]
    assert command.help
    assert [parameter.opts for parameter in command.params if not parameter.help] == []
    if command is not ROOT:
        assert ANYWHERE.keys() & _options(command).keys() == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_the_commands_own_help_says(name: str) -> None:
    """The list is written apart, so that it costs no import."""
    assert " ".join(EVERY[f"voice {name}"].help.split()).startswith(COMMANDS[name].help)


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("network", {"--network", "-n", "--subtensor.network"}),
        ("netuid", {"--netuid"}),
        ("wallet", {"--wallet", "-w", "--wallet.name"}),
        ("wallet_hotkey", {"--wallet-hotkey", "-H", "--wallet.hotkey"}),
        ("wallet_path", {"--wallet-path", "--wallet.path"}),
        ("devchain", {"--chain"}),
    ],
)
def test_an_option_that_people_know_is_the_same_everywhere(field: str, options: set[str]) -> None:
    """Under the same names, with the setting that stands for it and the default of that, where it has one."""
    setting = ChainSettings.model_fields[field]
    shown = {
        (frozenset(parameter.opts), parameter.show_default)
        for command in EVERY.values()
        for parameter in command.params
        if options & set(parameter.opts)
    }
    (found,) = shown
    assert found[0] == options
    assert found[1] == f"{setting.validation_alias}, else {setting.default}" or found[1] == setting.validation_alias


def test_a_default_that_names_a_variable_names_one_that_is_read() -> None:
    """VOICE_…, BT_… and HF_… in defaults and in helps are settings."""
    words = {
        word.strip("(),.:;")
        for command in EVERY.values()
        for text in (command.help, *(f"{each.help} {each.show_default}" for each in command.params))
        for word in text.split()
    }
    named = {word for word in words if word.startswith(("VOICE_", "BT_", "HF_"))}
    assert len(named) >= 10
    assert named - VARIABLES == set()


@pytest.mark.parametrize("line", [line for line in EVERY if "--yes" in _options(EVERY[line])])
def test_yes_has_its_letter(line: str) -> None:
    """Whoever knows -y from elsewhere finds it."""
    assert "-y" in _options(EVERY[line])


def test_whatever_asks_can_be_told_not_to() -> None:
    """Each module that asks a question has an option --yes, and asks through the one function that takes it."""
    asking = {line for line, command in EVERY.items() if command.callback is not None and _asks(inspect.unwrap(command.callback))}
    assert {line for line in asking if "--yes" not in _options(EVERY[line])} == set()
    assert {"voice miner commit", "voice miner publish", "voice operator ban", "voice store prune"} <= asking


def _asks(function: Any) -> bool:
    return "confirm(" in inspect.getsource(function)


def test_the_version_is_the_packages(tmp_path: Path) -> None:
    """As `voice --version` prints it, and nothing else."""
    assert voice(tmp_path, "--version").stdout == f"voice {version('voice-subnet')}\n"


@pytest.mark.parametrize("line", ["", "miner", "miner commit"])
def test_help_has_a_letter(line: str, tmp_path: Path) -> None:
    """For each command and group."""
    short, long = (voice(tmp_path, *line.split(), option) for option in ("-h", "--help"))
    assert short == long
    assert (short.returncode, short.stderr) == (0, "")


@pytest.mark.parametrize(
    ("typed", "offered"), [("va", "validator"), ("miner com", "commit"), ("miner commit --netw", "--network")]
)
def test_a_shell_completes_what_is_typed(typed: str, offered: str, tmp_path: Path) -> None:
    """Commands, commands of a group, and their options."""
    words = {"_VOICE_COMPLETE": "complete_bash", "COMP_WORDS": f"voice {typed}", "COMP_CWORD": str(len(typed.split()))}
    assert voice(tmp_path, **words).stdout.split() == [offered]


@pytest.mark.parametrize(
    ("arguments", "given", "left"),
    [
        pytest.param("voice -v miner run", {"verbose"}, "voice miner run", id="before the command"),
        pytest.param("voice miner run -q --debug", {"quiet", "debug"}, "voice miner run", id="behind it"),
        pytest.param("voice say -- -v", set(), "voice say -- -v", id="words"),
        pytest.param("voice miner -h", {"help"}, "voice miner -h", id="help"),
    ],
)
def test_what_may_stand_anywhere_is_taken_out(arguments: str, given: set[str], left: str) -> None:
    """Before Typer reads the line; behind a `--` everything is a word."""
    line = arguments.split()
    assert taken_out(line) == given
    assert line == left.split()


def _numbers() -> list[Any]:
    """Every option and argument that is a number, as its command declares it."""
    found = []
    for line, command in EVERY.items():
        for parameter in command.params:
            described = parameter.type_descriptor
            kinds = {described.annotation, *getattr(described.annotation, "__args__", ())}
            if kinds & {int, float}:
                found.append(pytest.param(described.parameter_info, id=f"{line} {parameter.name}"))
    return found


@pytest.mark.parametrize("number", _numbers())
def test_every_number_has_a_least_and_a_most(number: Any) -> None:
    """Without them `inf`, or more digits than a row or a block has, ends in a traceback."""
    assert number.min is not None and number.max is not None
    assert number.min <= number.max < float("inf")
