"""Certificates, as an issuer signs them."""

from datetime import datetime, timedelta
from typing import Any

from scoring.receipts.certificate import Certificate, issue
from scoring.types import Hotkey
from voice_api.keys import ServiceKey


def a_certificate(issuer: ServiceKey, service: ServiceKey, at: datetime, **overrides: Any) -> Certificate:
    """The issuer's signed word for a service, from an hour before `at` to an hour after it."""
    fields: dict[str, Any] = {
        "issuer": Hotkey(issuer.address),
        "service": service.address,
        "host": "bench",
        "not_before": at - timedelta(hours=1),
        "not_after": at + timedelta(hours=1),
        "signature": "",
    }
    return issue(Certificate(**fields | overrides), issuer.sign)
