"""What a node is run as, and the settings of each."""

from collections.abc import Iterator, Mapping

import neurons.settings as own
import voice_api.settings as service
from scoring.errors import PlatformError
from voice_api import settings_file
from voice_api.settings import ProcessSettings
from workers.settings import WorkerSettings

_EVERY = (own.LogSettings, service.SettingsFileSettings)
_DAEMON = (service.MetricsSettings, own.HeartbeatSettings, *_EVERY)

ROLES: Mapping[str, tuple[type[ProcessSettings], ...]] = {
    "validator": (own.ValidatorSettings, *_DAEMON),
    "worker": (WorkerSettings, service.MetricsSettings, *_EVERY),
    "api": (service.ApiSettings, service.MetricsSettings, *_EVERY),
    "queue": (own.QueueSettings, *_DAEMON),
    "dispatcher": (service.DispatcherSettings, *_DAEMON),
    "store": (own.RetentionSettings, *_EVERY),
    "backup": (own.BackupSettings, *_EVERY),
    "release": (own.ReleaseSettings, *_EVERY),
    "miner": (own.MinerSettings, *_DAEMON),
}
"""The classes that the processes, and the commands, of a role read."""


def variables() -> set[str]:
    """The names that a file of settings may have, as variables of the environment: those of every class, whoever reads it."""
    return {str(field.validation_alias) for kind in _in_file() for field in kind.model_fields.values()}


def _in_file() -> list[type[ProcessSettings]]:
    modules = {each.__module__ for kinds in ROLES.values() for each in kinds}
    return [kind for kind in _below(ProcessSettings) if kind.__module__ in modules and kind.in_file]


def _below(kind: type[ProcessSettings]) -> Iterator[type[ProcessSettings]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def check_file() -> None:
    """Raise PlatformError(SETTING_INVALID) for a file of settings that has a name which nothing reads: it would be silently nothing."""
    path = service.settings_path()
    if path is not None:
        settings_file.check_names(path, variables())


def file_trouble() -> str:
    """Why the file of settings that is there cannot be read, by whatever command; '' where it can, or where there is none."""
    try:
        path = service.found_path()
        if path is not None:
            settings_file.check_names(path, variables())
            for kind in _in_file():
                settings_file.SettingsFile(kind, path)
    except PlatformError as error:
        return error.detail
    return ""
