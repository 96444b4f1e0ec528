"""The long-running processes: API, dispatcher, worker, model queue, validator; and the database's migrations."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurons.cli.options import LAST_PORT, ChainOptions, CompetitionFile, given, keys_of, load, open_chain, set_by, shared_options
from neurons.settings import BackupSettings, HeartbeatSettings, MigrationSettings, QueueSettings, ValidatorSettings
from scoring.errors import Code, PlatformError
from voice_api.settings import ApiSettings, DispatcherSettings, MetricsSettings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from neurons.shutdown import Shutdown

queue = typer.Typer(help="The model queue: chain → API.", no_args_is_help=True)
validator = typer.Typer(help="The validator: rounds, ledger, weights.", no_args_is_help=True)
database = typer.Typer(help="The database.", no_args_is_help=True)
worker = typer.Typer(invoke_without_command=True)


def api(
    host: Annotated[
        str | None, typer.Option(help="The address to listen on.", show_default=set_by("VOICE_API_HOST", "127.0.0.1"))
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=LAST_PORT, help="The port to listen on.", show_default=set_by("VOICE_API_PORT", "8000")),
    ] = None,
) -> None:
    """Serve the voice API."""
    import structlog

    from voice_api.runtime.reachable import check_free
    from voice_api.web.app import create_app
    from voice_api.web.edge.open_files import raise_limit
    from voice_api.web.server import serve

    settings, shown = ApiSettings(**given(host=host, port=port)), MetricsSettings()
    raise_limit()
    check_free(settings.host, settings.port)
    if shown.port:
        check_free(shown.host, shown.port)
    structlog.get_logger().info("serving", url=f"http://{settings.host}:{settings.port}")
    serve(create_app(settings), settings, shown)


def dispatcher() -> None:
    """Keep wake-ups in Redis for due evaluations, and return expired leases."""
    from voice_api.dispatch import dispatcher as process
    from voice_api.runtime.process_metrics import DispatcherMetrics

    settings = DispatcherSettings()
    metrics = DispatcherMetrics()
    run_daemon(lambda stop: process.run(settings, stop, metrics), metrics.registry)


@worker.callback()
def worker_run(
    context: typer.Context,
    burst: Annotated[bool, typer.Option("--burst", help="Stop when nothing is left to do.")] = False,
    show_key: Annotated[
        bool, typer.Option("--show-key", help="Print the address of the service key, made if there is none, and end.")
    ] = False,
) -> None:
    """Evaluate models: fetch, let them speak in a sandbox, judge, and sign."""
    if context.invoked_subcommand is not None:
        return
    from workers.settings import ReceiptSignerSettings, WorkerSettings

    if show_key:
        from voice_api.keys import ServiceKey

        typer.echo(ServiceKey.at(ReceiptSignerSettings().service_key).address)
        return
    settings = WorkerSettings()
    from workers import main

    main.run(settings, burst, MetricsSettings())


@queue.command("run")
@shared_options
def queue_run(options: ChainOptions, competition: CompetitionFile = None) -> None:
    """Send registry and new commitments to the voice API, signed by the wallet's hotkey."""
    from neurons.api_client.client import VoiceApi
    from neurons.model_queue import daemon
    from voice_api.runtime.process_metrics import Ticks

    settings = options.settings(QueueSettings, competition=competition)
    schedule = load(settings.competition)
    keys = keys_of(settings)
    ticks = Ticks()

    async def serve(stop: "Shutdown") -> None:
        async with open_chain(settings) as chain, VoiceApi(settings.api_url, keys, settings.api_hotkey) as client:
            await daemon.run(chain, client, schedule, settings.pause, stop=stop, ticks=ticks)

    run_daemon(serve, ticks.registry)


@validator.command("run")
@shared_options
def validator_run(
    options: ChainOptions,
    competition: CompetitionFile = None,
    follow: Annotated[
        str | None,
        typer.Option(
            "--follow",
            help="The API of another validator: fold its evidence instead of opening own rounds.",
            show_default=set_by("VOICE_FOLLOW_URL", "none"),
        ),
    ] = None,
    tracks: Annotated[
        str | None,
        typer.Option(
            "--tracks",
            metavar="NAME,…",
            help="The tracks that own workers judge; the others are followed.",
            show_default=set_by("VOICE_TRACKS", "all"),
        ),
    ] = None,
) -> None:
    """Open rounds, fold them into the ledger, and set weights; or follow another validator's rounds, in all tracks or in some."""
    from neurons.validator import daemon as process
    from neurons.validator.follow.tracks import check
    from neurons.validator.weights.setter import Terms
    from voice_api.runtime.process_metrics import Ticks

    settings = options.settings(ValidatorSettings, competition=competition, follow=follow, tracks=tracks)
    schedule = load(settings.competition)
    if settings.tracks:
        check(settings.tracks, schedule, settings.follow)
    keys = keys_of(settings)
    signer = process.ValidatorIdentity(keys, settings.revocations, settings.trust)
    terms = Terms.of(settings, keys, schedule)
    ticks = Ticks()

    opening = partial(open_chain, settings)
    url = settings.database_url.get_secret_value()
    if settings.follow:
        from neurons.validator.follow import daemon

        followed = daemon.Followed.of(settings)
        run_daemon(
            lambda stop: daemon.serve(
                url, opening=opening, signer=signer, terms=terms, followed=followed, stop=stop, ticks=ticks
            ),
            ticks.registry,
        )
    else:
        run_daemon(lambda stop: process.serve(url, opening, signer, terms, stop=stop, ticks=ticks), ticks.registry)


@database.command("upgrade")
def upgrade(
    keep: Annotated[
        bool,
        typer.Option(
            "--restore-point/--no-restore-point",
            help="Back up what the database holds first, where its schema is going to change.",
        ),
    ] = True,
) -> None:
    """Bring the database's schema to its newest version.

    Before it changes a database that holds something it makes a backup in VOICE_BACKUPS, a restore point: no migration is undone in another
    way. Of restore points the newest VOICE_RESTORE_POINTS_KEEP stay.
    """
    from voice_api.db import migrate

    settings = BackupSettings()
    url = settings.database_url.get_secret_value()
    if keep:
        from neurons.backup.keep import clear_points
        from neurons.backup.restore_point import restore_point

        made = asyncio.run(restore_point(url, settings.folder, datetime.now(UTC), to=migrate.head()))
        if made is not None:
            typer.echo(f"restore point: {made.path}", err=True)
            for gone in clear_points(settings.folder, settings.keep_points, datetime.now(UTC)):
                typer.echo(f"removed, as newer ones are kept: {gone}", err=True)
    asyncio.run(migrate.upgrade(url))


@database.command("create")
def create_database(name: Annotated[str, typer.Argument(help="The new database's name.")]) -> None:
    """Make a database with its tables beside the one in DATABASE_URL, and print its URL; one that is there is only upgraded."""
    from voice_api.db import databases

    typer.echo(asyncio.run(databases.create(MigrationSettings().database_url.get_secret_value(), name)))


@database.command("roles")
def database_roles() -> None:
    """Give the database's roles (api, worker, validator, reader) exactly their rights; after each upgrade."""
    from voice_api.db import roles

    asyncio.run(roles.apply(MigrationSettings().database_url.get_secret_value()))


@database.command("logins")
def database_logins(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files with a process's database URL each.")],
) -> None:
    """Make the login that each URL names (api, dispatcher, worker, validator, reader), with its password, in its role."""
    from voice_api.db import roles

    try:
        urls = [file.read_text(encoding="utf-8").strip() for file in files]
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{exc.filename} cannot be read: {exc.strerror}.") from exc
    logins = [roles.Login.of(url) for url in urls]
    asyncio.run(roles.ensure_logins(MigrationSettings().database_url.get_secret_value(), logins))


def run_daemon(serve: "Callable[[Shutdown], Coroutine[Any, Any, None]]", registry: "CollectorRegistry") -> None:
    """Run a daemon until SIGTERM or SIGINT ends it between two ticks, and show its numbers."""
    from neurons.shutdown import Shutdown
    from voice_api.runtime.process_metrics import exposed

    heartbeat, shown = HeartbeatSettings().heartbeat, MetricsSettings()

    async def main() -> None:
        stop = Shutdown(heartbeat)
        stop.listen()
        await serve(stop)

    with exposed(registry, shown.host, shown.port):
        asyncio.run(main())
