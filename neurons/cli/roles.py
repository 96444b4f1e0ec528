"""What a node is run as, and the settings of each."""

from collections.abc import Iterator, Mapping

import neurons.settings as own
import voice_api.settings as service
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
    modules = {each.__module__ for kinds in ROLES.values() for each in kinds}
    kinds = [kind for kind in _below(ProcessSettings) if kind.__module__ in modules and kind.in_file]
    return {str(field.validation_alias) for kind in kinds for field in kind.model_fields.values()}


def _below(kind: type[ProcessSettings]) -> Iterator[type[ProcessSettings]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def check_file() -> None:
    """Raise PlatformError(SETTING_INVALID) for a file of settings that has a name which nothing reads: it would be silently nothing."""
    path = service.settings_path()
    if path is not None:
        settings_file.check_names(path, variables())
