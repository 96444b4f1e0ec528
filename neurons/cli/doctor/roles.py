"""The roles that a host can be asked as, and the checks of each."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from pydantic import ValidationError

from neurons.cli.doctor import host_checks, node_checks, upgrade_checks, validator_checks
from neurons.cli.doctor.node import Node
from neurons.doctor import host_health
from neurons.doctor.catalogue import CheckName
from neurons.doctor.examine import Check
from neurons.doctor.finding import Finding
from neurons.doctor.role import Role
from neurons.settings import MinerSettings, ValidatorSettings
from voice_api.settings import ApiSettings, ProcessSettings
from workers.settings import WorkerSettings

Look = Callable[[Node], Sequence[Check]]


_SETTINGS: Mapping[Role, type[ProcessSettings]] = MappingProxyType(
    {Role.VALIDATOR: ValidatorSettings, Role.WORKER: WorkerSettings, Role.API: ApiSettings, Role.MINER: MinerSettings}
)
_PYTHON, _PYTHON_JUDGING = (
    partial(host_checks.python, ("bittensor",)),
    partial(host_checks.python, ("torch", "torchaudio", "onnxruntime")),
)
_DATABASE: tuple[Look, ...] = (node_checks.database, node_checks.queues, node_checks.workers)
_SANDBOX: tuple[Look, ...] = (host_checks.sandbox, host_checks.judges, host_checks.environments)
_ROLES: Mapping[Role, tuple[Look, ...]] = MappingProxyType(
    {
        Role.VALIDATOR: (
            _PYTHON,
            *(node_checks.wallet, node_checks.chain),
            node_checks.database,
            *validator_checks.EVERY,
        ),
        Role.WORKER: (
            _PYTHON_JUDGING,
            *_SANDBOX,
            *(host_checks.card, host_checks.worker_disk, host_checks.worker_store),
            *(host_checks.certificate, host_checks.tls_certificates),
            *_DATABASE,
            *(node_checks.redis, node_checks.hub),
        ),
        Role.API: (
            _PYTHON,
            *(host_checks.api_disk, host_checks.api_store),
            *_DATABASE,
            *(node_checks.own_registry, node_checks.redis, node_checks.own_api),
        ),
        Role.MINER: (
            *(_PYTHON, _PYTHON_JUDGING),
            *_SANDBOX,
            host_checks.miner_disk,
            *(node_checks.wallet, node_checks.chain, node_checks.registration, node_checks.commitment),
            *(node_checks.hub, node_checks.api),
        ),
    }
)


_UPGRADES: Mapping[Role, tuple[Look, ...]] = MappingProxyType(
    {
        Role.VALIDATOR: (_PYTHON, upgrade_checks.database, validator_checks.certificates),
        Role.WORKER: (
            _PYTHON_JUDGING,
            *(host_checks.judges, host_checks.environments, host_checks.certificate, upgrade_checks.database),
        ),
        Role.API: (_PYTHON, upgrade_checks.database),
        Role.MINER: (_PYTHON, _PYTHON_JUDGING, host_checks.judges, host_checks.environments),
    }
)


_ANSWERS: Mapping[Role, tuple[Look, ...]] = MappingProxyType(
    {
        Role.VALIDATOR: (node_checks.wallet, node_checks.chain, node_checks.registration, node_checks.database),
        Role.WORKER: (host_checks.worker_disk, host_checks.worker_store, node_checks.database, node_checks.redis),
        Role.API: (host_checks.api_port, host_checks.api_store, node_checks.database, node_checks.redis),
        Role.MINER: (
            *(host_checks.miner_disk, node_checks.wallet, node_checks.chain, node_checks.registration, node_checks.api),
        ),
    }
)
_ANYWHERE = frozenset({_PYTHON, _PYTHON_JUDGING, host_checks.sandbox, host_checks.judges})
"""What can be looked at without any setting."""


def checks_of(roles: Sequence[Role], node: Node, trouble: str = "") -> tuple[Check, ...]:
    """The checks of some roles together, those that they have in common once; `trouble` is why their file of settings cannot be read."""
    if trouble:
        looks = [look for role in roles for look in _ROLES[role] if look in _ANYWHERE]
        return (_unread(trouble, roles), *(check for look in dict.fromkeys(looks) for check in look(node)))
    return _together(_ROLES, roles, node)


def answer_checks_of(role: Role, node: Node) -> tuple[Check, ...]:
    """Of a role's checks those that can hold before anything runs: of what its settings name."""
    return _together(_ANSWERS, (role,), node)


def upgrade_checks_of(roles: Sequence[Role], node: Node) -> tuple[Check, ...]:
    """What an upgrade of some roles together is judged by, each check once."""
    return _together(_UPGRADES, roles, node)


def _together(every: Mapping[Role, tuple[Look, ...]], roles: Sequence[Role], node: Node) -> tuple[Check, ...]:
    looks = dict.fromkeys(look for role in roles for look in every[role])
    return (_settings(roles), *(check for look in looks for check in look(node)))


def status_checks(node: Node, *, is_validator: bool) -> tuple[Check, ...]:
    """What a running node's status is judged by: what it stands on, and what is a validator's where its hotkey is known."""
    others = validator_checks.EVERY if is_validator else (node_checks.queues, node_checks.workers, node_checks.registry)
    looks = (node_checks.chain, node_checks.database, *others)
    return tuple(check for look in looks for check in look(node))


def wrong_settings(error: ValidationError) -> list[str]:
    """Each setting that cannot be read, with why, and without its value."""
    return [f"{each['loc'][0] if each['loc'] else error.title}: {_why(each['type'], each['msg'])}" for each in error.errors()]


def _why(kind: str, message: str) -> str:
    return "it is not set" if kind == "missing" else message.removeprefix("Value error, ")


def _wrong(role: Role) -> list[str]:
    try:
        _SETTINGS[role]()
    except ValidationError as exc:
        return wrong_settings(exc)
    return []


def _settings(roles: Sequence[Role]) -> Check:
    async def look() -> Sequence[Finding]:
        wrong = {role: found for role in roles if (found := _wrong(role))}
        each = dict.fromkeys(line for found in wrong.values() for line in found)
        return (host_health.settings(list(each), next(iter(wrong), "")),)

    return Check(names=(CheckName.SETTINGS,), look=look)


def _unread(trouble: str, roles: Sequence[Role]) -> Check:
    async def look() -> Sequence[Finding]:
        return (host_health.unread_settings(trouble, roles[0]),)

    return Check(names=(CheckName.SETTINGS,), look=look)
