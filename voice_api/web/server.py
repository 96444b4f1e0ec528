"""The HTTP server of the voice API: uvicorn, with places and deadlines for connections, and a port of its own for its numbers."""

import asyncio
import socket
import sys
from dataclasses import asdict
from functools import partial

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from voice_api.settings import ApiSettings, MetricsSettings
from voice_api.web.dependencies import Service
from voice_api.web.edge.connection import DEADLINES, Connection, ConnectionDeadlines
from voice_api.web.edge.open_files import ConnectionBudget
from voice_api.web.edge.places import Places
from voice_api.web.edge.proxies import TrustedProxies
from voice_api.web.numbers import numbers_of

_GRACE_SECONDS = 5
"""What still runs when the server stops has so long to end: a sentence is waited for, or a body sent, for minutes."""
_NOT_STARTED = 3
"""The exit status of a server that could not start, as uvicorn has it."""
_TICKS_A_SECOND = 10
"""As uvicorn's loop has it."""


class ApiServer(uvicorn.Server):
    """It ends connections that take too long, and asks pages that listen for news to leave as soon as it stops."""

    def __init__(
        self, app: FastAPI, places: Places[Connection], config: uvicorn.Config, shown: MetricsSettings | None = None
    ) -> None:
        super().__init__(config)
        self._app, self._places, self._shown = app, places, shown

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and show the numbers to whoever can reach their port."""
        await super().startup(sockets)
        if self._shown is not None and self._shown.port:
            self.servers.append(await self._show_numbers(self._shown))

    async def on_tick(self, counter: int) -> bool:
        """Look at every connection once a second."""
        if counter % _TICKS_A_SECOND == 0:
            self._look()
        return await super().on_tick(counter)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in tuple(self.server_state.connections):
            if isinstance(connection, Connection):
                connection.check(now)
        service: Service = self._app.state.service
        service.metrics.show_connections(**asdict(self._places.counts()))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End streams, then everything else."""
        service: Service = self._app.state.service
        service.news.stop()
        await super().shutdown(sockets)

    async def _show_numbers(self, shown: MetricsSettings) -> asyncio.Server:
        config = uvicorn.Config(numbers_of(self._app), lifespan="off", log_config=None, access_log=False, proxy_headers=False)
        config.load()
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: H11Protocol(config, self.server_state, {}, loop), shown.host, shown.port)


def api_server(
    app: FastAPI,
    settings: ApiSettings,
    shown: MetricsSettings | None = None,
    deadlines: ConnectionDeadlines = DEADLINES,
    **options: object,
) -> ApiServer:
    """A server of the application, with uvicorn's options; it logs nothing of its own, and shows no numbers unless told where."""
    places: Places[Connection] = Places(
        ConnectionBudget.of_process(settings.connections).connections, settings.address_connections
    )
    proxies = TrustedProxies(settings.trusted_proxies)
    config = {
        "http": partial(Connection, places, proxies, deadlines),
        "ws": "none",  # there is none here, and a connection of ours cannot become one
        "log_config": None,
        "access_log": False,
        "timeout_graceful_shutdown": _GRACE_SECONDS,
        # Who asks is who connects, or whom a proxy names that the operator trusts: a header that anyone may send must not
        # choose whose limit counts.
        "proxy_headers": bool(settings.trusted_proxies),
        "forwarded_allow_ips": [str(network) for network in proxies.as_seen],
    }
    return ApiServer(app, places, uvicorn.Config(app, **(config | options)), shown)  # type: ignore[arg-type]  # uvicorn checks them


def serve(app: FastAPI, settings: ApiSettings, shown: MetricsSettings) -> None:
    """Serve until a signal ends it; raises SystemExit where it cannot start."""
    server = api_server(app, settings, shown, host=settings.host, port=settings.port)
    try:
        server.run()
    except KeyboardInterrupt:
        return
    if not server.started:
        sys.exit(_NOT_STARTED)
