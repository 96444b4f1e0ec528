"""Prometheus, its alerts and Grafana's dashboard name what the processes really show, and the runbook they point to."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from voice_api.runtime.process_metrics import ApiMetrics, DispatcherMetrics, Ticks, ValidatorMetrics, WorkerMetrics

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
JOBS: list[dict[str, Any]] = yaml.safe_load((ROOT / "docker" / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
ALERTS: list[dict[str, Any]] = yaml.safe_load((ROOT / "docker" / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
BOARD = json.loads((ROOT / "docker" / "grafana" / "dashboards" / "voice.json").read_text(encoding="utf-8"))
EXPRESSIONS = {alert["alert"]: alert["expr"] for alert in ALERTS} | {
    f"{panel['title']} {target['refId']}": target["expr"] for panel in BOARD["panels"] for target in panel["targets"]
}
NAME = re.compile(r"\b((?:voice|process)_\w+)")
LABEL = re.compile(r"\b(\w+)(?:=~?|!=)\"|by \(([\w, ]+)\)")
PROMETHEUS_OWN = {"job", "instance", "le"}


def shown() -> dict[str, set[str]]:
    """Every sample that some process shows, with its labels."""
    registries: list[CollectorRegistry] = [
        each.registry for each in (DispatcherMetrics(), Ticks(), ValidatorMetrics(), WorkerMetrics(), ApiMetrics())
    ]
    found: dict[str, set[str]] = {}
    for registry in registries:
        found |= {metric.name: set() for metric in registry.collect() if metric.name.startswith("process_")}
        for collector, names in registry._collector_to_names.items():
            labels = set(getattr(collector, "_labelnames", ()))
            found |= {name: labels for name in names}
    return found


SHOWN = shown()


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_an_expression_asks_for_what_is_shown(where: str) -> None:
    """Each metric exists, and has the labels that it is asked by."""
    named = NAME.findall(EXPRESSIONS[where])
    asked = {
        word.strip() for pair in LABEL.findall(EXPRESSIONS[where]) for part in pair for word in part.split(",") if word.strip()
    }
    assert named or where == "ProcessDown"
    assert set(named) <= SHOWN.keys()
    assert asked - PROMETHEUS_OWN <= set().union(*(SHOWN[name] for name in named))


def test_everything_that_matters_is_drawn() -> None:
    """Depth and age of the queue, outcomes by code, the time of stages, leases that expire, rounds in which nothing counts, weights."""
    drawn = set(NAME.findall(" ".join(EXPRESSIONS.values())))
    assert drawn >= {
        "voice_evaluations",
        "voice_queue_age_seconds",
        "voice_worker_runs_total",
        "voice_worker_stage_seconds_bucket",
        "voice_dispatcher_leases_expired_total",
        "voice_retries_left",
        "voice_validations",
        "voice_rounds_uncounted",
        "voice_track_refused",
        "voice_weights_held",
        "voice_weights_stopped",
    }


def test_every_process_is_asked_where_it_answers() -> None:
    """The API on its own port, the others on that of their metrics, and each shares a network with Prometheus."""
    for job in JOBS:
        service = SERVICES[job["job_name"]]
        port = int(service["environment"].get("VOICE_METRICS_PORT", 8000))
        named = (
            job["static_configs"][0]["targets"] if "static_configs" in job else [f"{job['dns_sd_configs'][0]['names'][0]}:{port}"]
        )
        assert named == [f"{job['job_name']}:{port}"]
        assert set(service["networks"]) & set(SERVICES["prometheus"]["networks"])
    assert {job["job_name"] for job in JOBS} == {"api", "dispatcher", "model-queue", "validator", "worker"}


def test_panels_do_not_overlap() -> None:
    """Three in a row, each in a place of its own."""
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in BOARD["panels"]]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_how_urgent_it_is_and_what_happened(alert: dict[str, Any]) -> None:
    """Critical is what somebody is woken for; the sentence stands in the message."""
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"]["summary"]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_points_to_its_page(alert: dict[str, Any]) -> None:
    """The runbook has a heading with that anchor."""
    page, _, anchor = alert["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
