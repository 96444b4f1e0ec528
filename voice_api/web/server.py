"""The HTTP server of the voice API: uvicorn, which ends open streams before it waits for requests to end."""

import socket
import sys

import uvicorn
from fastapi import FastAPI

from voice_api.web.dependencies import Service

_GRACE_SECONDS = 5
"""What still runs when the server stops has so long to end: a sentence is waited for, or a body sent, for minutes."""
_NOT_STARTED = 3
"""The exit status of a server that could not start, as uvicorn has it."""


class ApiServer(uvicorn.Server):
    """It asks pages that listen for news to leave as soon as it stops; else it would wait until they close."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End streams, then everything else."""
        service: Service = self._app.state.service
        service.news.stop()
        await super().shutdown(sockets)


def api_server(app: FastAPI, **options: object) -> ApiServer:
    """A server of the application, with uvicorn's options; it logs nothing of its own."""
    config = {
        "log_config": None,
        "access_log": False,
        "timeout_graceful_shutdown": _GRACE_SECONDS,
        "proxy_headers": False,  # who asks is who connects: a header that anyone may send must not choose whose limit counts
    }
    return ApiServer(app, uvicorn.Config(app, **(config | options)))  # type: ignore[arg-type]  # uvicorn checks them


def serve(app: FastAPI, host: str, port: int) -> None:
    """Serve until a signal ends it; raises SystemExit where it cannot start."""
    server = api_server(app, host=host, port=port)
    try:
        server.run()
    except KeyboardInterrupt:
        return
    if not server.started:
        sys.exit(_NOT_STARTED)
