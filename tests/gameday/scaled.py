"""Alerts and their routing as they stand in docker/, on a network whose blocks come faster: a minute there is shorter here."""

import re
from collections.abc import Mapping
from typing import Any

FACTOR = 60
"""The local network has a block every 0.2 s, the chain one every 12 s."""
SLOWEST_START = 40.0
"""Seconds that a process may take to start: interpreters start no faster here, so its absence is no outage before."""
GROUP_WAIT = 4.0
"""Seconds: numbers are read and judged each second, and Alertmanager waits for as many readings as in docker/."""

Rule = Mapping[str, Any]
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SPAN = re.compile(r"\d+[smhd]")
_RANGE = re.compile(r"(?<=\[)\d+[smhd](?=\])")
_AGES = "chain_moved_timestamp|tick_success_timestamp|registry_age|queue_age"
_LIMIT = re.compile(rf"(voice_(?:{_AGES})_seconds(?:\{{[^}}]*\}})?\)* > )(\d+)")


def seconds_of(span: str) -> float:
    """The seconds of a span as Prometheus writes it.

    >>> seconds_of("15m"), seconds_of("1d")
    (900.0, 86400.0)
    """
    return float(span[:-1]) * _UNITS[span[-1]]


def span(seconds: float) -> str:
    """A span as Prometheus reads it: in milliseconds, which keep fractions.

    >>> span(1.5)
    '1500ms'
    """
    return f"{round(1000 * seconds)}ms"


def expression(text: str, factor: float) -> str:
    """An expression with its windows divided, and the limits of what ages with the network's work: blocks, turns, registries, queues.

    Certificates, backups and clocks go by the calendar, and an answer of the API is no faster here: their limits stay.

    >>> expression("time() - min(voice_chain_moved_timestamp_seconds) > 540", 60)
    'time() - min(voice_chain_moved_timestamp_seconds) > 9'
    >>> expression("min(x_timestamp_seconds) - time() < 7 * 86400 and increase(y[15m]) > 2", 60)
    'min(x_timestamp_seconds) - time() < 7 * 86400 and increase(y[15000ms]) > 2'
    """
    divided = _RANGE.sub(lambda found: span(seconds_of(found[0]) / factor), text)
    return _LIMIT.sub(lambda found: f"{found[1]}{float(found[2]) / factor:g}", divided)


def rule(given: Rule, factor: float) -> Rule:
    """One rule; that a process is down is told no sooner than a process can start."""
    times = {name: seconds_of(given[name]) / factor for name in ("for", "keep_firing_for") if name in given}
    if given["alert"] == "ProcessDown":
        times["for"] = max(times["for"], SLOWEST_START)
    return {**given, "expr": expression(given["expr"], factor), **{name: span(time) for name, time in times.items()}}


def rules(document: Mapping[str, Any], factor: float) -> Mapping[str, Any]:
    """A file of rules."""
    return {"groups": [{**group, "rules": [rule(each, factor) for each in group["rules"]]} for group in document["groups"]]}


def routing(document: Mapping[str, Any], factor: float, webhook: str) -> Mapping[str, Any]:
    """Alertmanager's file: the same routes and inhibitions, its times divided, and one loopback address for each receiver."""
    receivers = [
        {"name": each["name"], "webhook_configs": [{"url": f"{webhook}/{each['name']}", "send_resolved": True}]}
        for each in document["receivers"]
    ]
    route = {**_route(document["route"], factor), "group_wait": span(GROUP_WAIT)}
    return {**document, "route": route, "receivers": receivers}


def _route(given: Mapping[str, Any], factor: float) -> dict[str, Any]:
    times = {
        name: span(seconds_of(value) / factor)
        for name, value in given.items()
        if isinstance(value, str) and _SPAN.fullmatch(value)
    }
    routes = {"routes": [_route(each, factor) for each in given["routes"]]} if "routes" in given else {}
    return {**given, **times, **routes}
