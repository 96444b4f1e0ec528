"""The API's numbers, as Prometheus reads them."""

from typing import cast

import httpx
from fastapi import FastAPI

from voice_api.web.numbers import numbers_of


async def numbers_shown(transport: httpx.ASGITransport) -> str:
    """Ask the API that a transport leads to."""
    own = httpx.ASGITransport(numbers_of(cast(FastAPI, transport.app)))
    async with httpx.AsyncClient(base_url="http://numbers.test", transport=own) as prometheus:
        return (await prometheus.get("/metrics")).raise_for_status().text
