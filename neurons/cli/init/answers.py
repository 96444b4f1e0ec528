"""The answers that `voice init` writes: given on the line, said already by whatever is in force, asked for, or a default."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from neurons.cli.init.questions import SAYS, RoleQuestions
from neurons.cli.options import DEV, DEV_NETUID
from scoring.errors import Code, PlatformError
from voice_api.settings_file import is_secret, key_of
from voice_api.settings_origin import SettingOrigin, as_text, said

_PATHS = frozenset({"BT_WALLET_PATH", "VOICE_DEVCHAIN", "VOICE_DATA", "VOICE_STORE", "VOICE_REVOCATIONS", "VOICE_COMPETITION"})
_OPTIONS = {"api_host": "--host", "api_port": "--port", "devchain": "--chain"}
"""Options that are called otherwise than their settings."""

Asker = Callable[[str, str, bool], str]
"""Asks a question with a default; the third argument hides what is typed."""


def on_terminal(question: str, default: str, hidden: bool) -> str:
    """Ask whoever sits at the terminal; raises PlatformError(ARGUMENT_INVALID) where nobody does."""
    if not sys.stdin.isatty():
        raise PlatformError(
            Code.ARGUMENT_INVALID, f"{question}? There is no terminal to ask: give --yes (-y), and what has no default"
        )
    asked = f"{question} (not shown)" if hidden else question
    answer = typer.prompt(asked, default=default, show_default=bool(default) and not hidden, hide_input=hidden, err=True)
    return str(answer).strip()


def collect(questions: RoleQuestions, given: Mapping[str, object], ask: Asker | None) -> dict[str, object]:
    """The value of each setting that is written, by variable. `given` is by name in the file; without `ask` nobody is asked.

    What is needed later may be given, and is never asked for.

    A secret that the environment or a secret file says stays there. Raises PlatformError(ARGUMENT_INVALID) for what this role does not
    read, and for what nobody said; SETTING_INVALID for a value that is none, where nobody can be asked again.
    """
    strange = sorted(given.keys() - set(map(key_of, (*questions.asked, *questions.later))))
    if strange:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{_option(strange[0])} is nothing that this role reads")
    later = {variable: given[key_of(variable)] for variable in questions.later if key_of(variable) in given}
    return {
        **dict(_each(questions, given, ask)),
        **{name: _checked(questions, name, value, "", None) for name, value in later.items()},
    }


def _each(questions: RoleQuestions, given: Mapping[str, object], ask: Asker | None) -> Iterator[tuple[str, object]]:
    known = said(questions.kind)
    network = ""
    for variable in questions.asked:
        key = key_of(variable)
        if variable == "VOICE_DEVCHAIN" and network != DEV:
            continue
        origin, _ = known.get(variable, (SettingOrigin.UNSET, None))
        hidden = is_secret(_field(questions, variable).annotation)
        if hidden and key not in given and origin in (SettingOrigin.ENVIRONMENT, SettingOrigin.SECRET_FILE):
            continue
        default = as_text(known[variable][1]) if variable in known else _default(questions, variable, network)
        value = given[key] if key in given else _asked(questions, variable, default, hidden, ask)
        value = _checked(questions, variable, value, default, ask)
        network = str(value) if variable == "BT_NETWORK" else network
        if value != "":
            yield variable, value


def _asked(questions: RoleQuestions, variable: str, default: str, hidden: bool, ask: Asker | None) -> str:
    if ask is not None:
        return ask(SAYS[variable], default, hidden)
    if default == "" and variable in questions.needed:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{SAYS[variable]}: give {_option(key_of(variable))}, or set {variable}")
    return default


def _checked(questions: RoleQuestions, variable: str, value: object, default: str, ask: Asker | None) -> object:
    """The value as the file has it, asked for again until it is one; the default is offered again unless it is what was wrong."""
    while True:
        wrong = "it has no default" if value == "" and variable in questions.needed else problem(questions, variable, value)
        if wrong is None:
            return _absolute(variable, _plain(questions, variable, value))
        if ask is None:
            raise PlatformError(Code.SETTING_INVALID, f"setting {variable}: {wrong}")
        typer.echo(f"{wrong}; again", err=True)
        default = "" if value == default else default
        value = ask(SAYS[variable], default, is_secret(_field(questions, variable).annotation))


def problem(questions: RoleQuestions, variable: str, value: object) -> str | None:
    """What is wrong with a value; None for nothing, and for one that is empty, which stands for the default."""
    if value == "":
        return None
    one: dict[str, Any] = {variable: value}
    try:
        questions.kind(**one)
    except ValidationError as exc:
        wrong = [each["msg"].removeprefix("Value error, ") for each in exc.errors() if each["loc"][:1] == (variable,)]
        if wrong:
            return wrong[0]
    return _unknown_network(str(value)) if variable == "BT_NETWORK" and value != DEV else None


def _unknown_network(network: str) -> str | None:
    from neurons.chain.adapter import endpoints  # the SDK takes its time, and knows which there are

    try:
        endpoints(network, (), 0)
    except PlatformError as error:
        return error.detail
    return None


def _plain(questions: RoleQuestions, variable: str, value: object) -> object:
    """A number as a number."""
    field = _field(questions, variable)
    is_number = field.annotation in (int, int | None)
    return int(str(value)) if is_number and value != "" else value


def _absolute(variable: str, value: object) -> object:
    """A path that is the same wherever a command runs."""
    if variable not in _PATHS or not isinstance(value, str) or value.startswith(("~", "/", "s3://")) or not value:
        return value
    return str(Path(value).absolute())


def _default(questions: RoleQuestions, variable: str, network: str) -> str:
    if variable == "VOICE_NETUID" and network == DEV:
        return str(DEV_NETUID)
    if variable == "VOICE_STORE":
        return ".voice/store"
    field = _field(questions, variable)
    return "" if field.is_required() else as_text(field.default)


def _field(questions: RoleQuestions, variable: str) -> FieldInfo:
    return next(each for each in questions.kind.model_fields.values() if each.validation_alias == variable)


def _option(key: str) -> str:
    return _OPTIONS.get(key, f"--{key.replace('_', '-')}")
