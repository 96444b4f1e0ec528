"""`voice worker prepare`: install what a worker needs beside its package, each file by its hash."""

import signal
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from neurons.cli.options import CompetitionFile, given, load
from neurons.cli.output import stages
from neurons.settings import MinerSettings
from scoring.errors import Code, PlatformError
from voice_api.runtime.process_end import ended_by_sigterm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scoring.competition import Competition
    from scoring.synthesis.manifest import Manifest

JUDGES = "judges"
_TERMINATED = 128 + signal.SIGTERM
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[judges|FAMILY]...", help="The judges' networks (100 MB), or a family whose guests need packages."),
]
Everything = Annotated[
    bool, typer.Option("--all", help="The judges, and each family of the competition that needs packages of its own.")
]


def prepare(names: Names = None, everything: Everything = False, competition: CompetitionFile = None) -> None:
    """Install the judges' networks, or the packages of a family's guests; what is there already is only checked."""
    settings = MinerSettings(**given(competition=competition))
    needed = [JUDGES, *_needy(load(settings.competition).version[-1])] if everything else []
    wanted = list(dict.fromkeys([*needed, *(names or [])]))
    if not wanted:
        raise PlatformError(Code.ARGUMENT_INVALID, f"name {JUDGES}, a family, or --all")
    families = _families()
    if strangers := [name for name in wanted if name != JUDGES and name not in families]:
        raise PlatformError(Code.ARGUMENT_INVALID, f"no family is called {strangers[0]}; there are {', '.join(families)}")
    with ended_by_sigterm(_TERMINATED):
        for name in wanted:
            typer.echo(_judges() if name == JUDGES else _family(name, settings))


def _needy(rules: "Competition") -> list[str]:
    """The families of a competition that need an environment."""
    families = _families()
    return [name for name in rules.families if families[name].environment is not None]


def _families() -> "Mapping[str, Manifest]":
    from scoring.synthesis.families import FAMILIES

    return FAMILIES


def _judges() -> str:
    from scoring.judges.weights import folder
    from workers.evaluation.prepare_judges import prepare

    return f"{'installed' if prepare(folder()) else 'checked'} {folder()}"


def _family(name: str, settings: MinerSettings) -> str:
    from workers.evaluation.environments import EnvironmentStore
    from workers.evaluation.progress import Stage

    lock = _families()[name].environment
    if lock is None:
        return f"{name} needs no packages beside the worker's own"
    store = EnvironmentStore(settings.environments, installs=True)
    with stages() as progress:
        is_new = store.prepare(name, partial(progress, Stage.PREPARE))
    return f"{'installed' if is_new else 'checked'} {settings.environments / name / lock.hash}"
