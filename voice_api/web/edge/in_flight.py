"""The limit of one address's requests at once: behind a proxy its connections are the proxy's."""

from collections import Counter
from datetime import timedelta

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from voice_api.errors import TooManyRequests
from voice_api.web.middleware import PROBES, Refuse, network_of

LIVE = "/v1/live"
"""Its answers have no end, and are counted by `LiveNews`."""
_ASK_AGAIN = timedelta(seconds=5)


class InFlightLimit:
    """Refuses a request of an address that waits for as many answers already."""

    def __init__(self, app: ASGIApp, most: int, refuse: Refuse) -> None:
        self.app, self.most, self.refuse = app, most, refuse
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429."""
        if scope["type"] != "http" or scope["path"] == LIVE or scope["path"] in PROBES:
            await self.app(scope, receive, send)
            return
        address = network_of(scope["client"][0]) if scope.get("client") else "local"
        if self._open[address] >= self.most:
            refusal = TooManyRequests(_ASK_AGAIN, f"{self.most} requests of this address are being answered")
            answer = await self.refuse(Request(scope), refusal)
            await answer(scope, receive, send)
            return
        self._open[address] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]
