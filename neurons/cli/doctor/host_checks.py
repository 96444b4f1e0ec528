"""Checks of this host: what stands on it, without a connection to anything."""

import platform
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from neurons.cli.doctor.node import Node
from neurons.doctor import host_health
from neurons.doctor.catalogue import CheckName
from neurons.doctor.examine import Check, in_thread
from neurons.doctor.finding import Finding, failing, fault, well
from neurons.doctor.validator_health import days_left
from neurons.settings import MigrationSettings, MinerSettings, RedisSettings
from scoring.errors import InfrastructureFault, PlatformError
from scoring.receipts.store import COMPETITIONS
from scoring.synthesis.families import FAMILIES
from voice_api import tls
from voice_api.runtime.reachable import check_free
from voice_api.settings import ApiSettings, StoreSettings
from workers.settings import ReceiptSignerSettings, WorkerSettings

SLOW = timedelta(seconds=15)
"""For a look at what has to be read or tried: a guest that starts, files whose checksums are computed."""


def python(packages: Sequence[str], _node: Node) -> Sequence[Check]:
    """Python, and the packages that a role needs."""

    async def look() -> Sequence[Finding]:
        return (host_health.python(packages),)

    return (Check(names=(CheckName.PYTHON,), look=look),)


def sandbox(_node: Node) -> Sequence[Check]:
    """The kernel, and whether a guest finds a way out."""

    def kernel() -> Finding:
        from workers.sandbox.guest.landlock import abi

        return host_health.kernel(platform.release(), abi())

    def tried() -> Finding:
        from workers.sandbox.selftest.run import attempts

        try:
            return host_health.sandbox(attempts(MinerSettings().data / "scratch"))
        except (InfrastructureFault, PlatformError) as exc:
            return fault(CheckName.SANDBOX, exc)

    async def of_kernel() -> Sequence[Finding]:
        return (await in_thread(kernel),)

    async def of_guest() -> Sequence[Finding]:
        return (await in_thread(tried),)

    return Check(names=(CheckName.KERNEL,), look=of_kernel), Check(names=(CheckName.SANDBOX,), look=of_guest, within=SLOW)


def judges(_node: Node) -> Sequence[Check]:
    """The judges' networks."""

    async def look() -> Sequence[Finding]:
        from scoring.judges import weights

        return (await in_thread(partial(host_health.judges, weights.check)),)

    return (Check(names=(CheckName.JUDGES,), look=look, within=SLOW),)


def environments(node: Node) -> Sequence[Check]:
    """The packages of the families that the newest rules name."""

    async def look() -> Sequence[Finding]:
        families = [name for name in node.schedule.version[-1].families if FAMILIES[name].environment is not None]
        return (await in_thread(partial(_environments, families, MinerSettings().environments)),)

    return (Check(names=(CheckName.ENVIRONMENTS,), look=look, within=SLOW),)


def _environments(families: Sequence[str], root: Path) -> Finding:
    from scoring.progress import NO_PROGRESS
    from workers.evaluation.environments import EnvironmentStore

    store, problems = EnvironmentStore(root, installs=False), {}
    for family in families:
        try:
            store(family, NO_PROGRESS)
        except InfrastructureFault as exc:
            problems[family] = exc.detail
    return host_health.environments(families, problems)


def card(_node: Node) -> Sequence[Check]:
    """The cards of this host, beside the queue that its worker takes."""

    async def look() -> Sequence[Finding]:
        from workers.sandbox.card import cards

        found = cards()
        driver = await in_thread(host_health.ask_driver) if found else ""
        return (host_health.cards(found, driver, WorkerSettings().queue),)

    return (Check(names=(CheckName.CARD,), look=look),)


def worker_disk(node: Node) -> Sequence[Check]:
    """The room where a worker writes."""

    def folders() -> Sequence[Path]:
        settings = ReceiptSignerSettings()
        place = settings.store_place or settings.data / "store"
        return (settings.data, *([place] if isinstance(place, Path) else []))

    return _disk(folders, node)


def api_disk(node: Node) -> Sequence[Check]:
    """The room where the API writes copies, and where the store is."""

    def folders() -> Sequence[Path]:
        settings = ApiSettings()
        return [folder for folder in (settings.copies_folder, settings.store_place) if isinstance(folder, Path)]

    return _disk(folders, node)


def miner_disk(node: Node) -> Sequence[Check]:
    """The room where a miner's commands write."""
    return _disk(lambda: [MinerSettings().data], node)


def _disk(folders: Callable[[], Sequence[Path]], node: Node) -> Sequence[Check]:
    async def look() -> Sequence[Finding]:
        found = {node.space(folder): folder for folder in reversed(folders())}  # of folders of one disk the first
        return [host_health.disk(folder, space) for space, folder in reversed(found.items())]

    return (Check(names=(CheckName.DISK,), look=look),)


def api_port(_node: Node) -> Sequence[Check]:
    """The port of an API that does not run yet."""

    async def look() -> Sequence[Finding]:
        settings = ApiSettings()
        check_free(settings.host, settings.port)
        return (well(CheckName.API, f"{settings.host}:{settings.port} is free for it"),)

    return (Check(names=(CheckName.API,), look=look),)


def worker_store(_node: Node) -> Sequence[Check]:
    """The store, which a worker writes."""
    return _store(lambda: ReceiptSignerSettings().data / "store", is_written=True)


def api_store(_node: Node) -> Sequence[Check]:
    """The store, which the API reads."""
    return _store(lambda: None, is_written=False)


def _store(default: Callable[[], Path | None], *, is_written: bool) -> Sequence[Check]:
    def listed() -> Finding:
        settings = StoreSettings()
        place = settings.store_place or default()
        if place is not None:
            next(settings.files(place).each(COMPETITIONS), None)
        return host_health.store(place, is_written=is_written)

    async def look() -> Sequence[Finding]:
        return (await in_thread(listed),)

    return (Check(names=(CheckName.STORE,), look=look),)


def certificate(node: Node) -> Sequence[Check]:
    """The certificate of this worker's service key."""

    def read() -> Finding:
        from voice_api.keys import ServiceKey, certified

        settings = ReceiptSignerSettings()
        try:
            key = certified(ServiceKey.read(settings.service_key), settings.certificate, node.now())
        except PlatformError as exc:
            return fault(CheckName.CERTIFICATE, exc)
        fix = f"Renew it: `voice validator certify {key.key.address} --host {key.certificate.host} --out {settings.certificate}`."
        return days_left(key.certificate.host, key.certificate.not_after, node.now(), fix)

    async def look() -> Sequence[Finding]:
        return (await in_thread(read),)

    return (Check(names=(CheckName.CERTIFICATE,), look=look),)


def tls_certificates(node: Node) -> Sequence[Check]:
    """The certificates by which this host comes to PostgreSQL and Redis, where its URLs name any."""

    def read() -> Sequence[Finding]:
        urls = MigrationSettings().database_url.get_secret_value(), RedisSettings().redis_url.get_secret_value()
        return [_tls_certificate(file, node.now()) for file in tls.certificates(*urls)]

    async def look() -> Sequence[Finding]:
        return await in_thread(read)

    return (Check(names=(CheckName.CERTIFICATE,), look=look),)


def _tls_certificate(file: Path, now: datetime) -> Finding:
    fix = "Make another one on the main host: docs/operations.md, Renewing and shutting out."
    try:
        return days_left(f"TLS, {file}", tls.ends(file), now, fix)
    except ValueError as exc:
        return failing(CheckName.CERTIFICATE, str(exc), fix)
