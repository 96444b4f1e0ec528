"""A pager for `make compose-check`: it keeps what Alertmanager tells it, a line each, in the file that it is given. Needs Python only."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

PORT = 8091


class Pager(BaseHTTPRequestHandler):
    """Takes what is told."""

    def do_GET(self) -> None:
        """Say that it runs."""
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        """Keep it."""
        told = self.rfile.read(int(self.headers["Content-Length"]))
        with Path(sys.argv[1]).open("ab") as file:
            file.write(told + b"\n")
        self.send_response(200)
        self.end_headers()


if __name__ == "__main__":
    HTTPServer(("0.0.0.0", PORT), Pager).serve_forever()  # noqa: S104 - inside a container, on a network of its own
