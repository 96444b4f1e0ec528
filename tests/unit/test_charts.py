"""Prometheus, its alerts and Grafana's dashboard name what the processes really show, and the runbook they point to."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from neurons.validator.follow.daemon import Gauges
from scoring.errors import Code
from voice_api.db.states import AuditOutcome
from voice_api.runtime.process_metrics import ApiMetrics, BackupMetrics, DispatcherMetrics, Ticks, ValidatorMetrics, WorkerMetrics

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
JOBS: list[dict[str, Any]] = yaml.safe_load((ROOT / "docker" / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
WATCHED: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "alerts.yml").read_text(encoding="utf-8"))
ALERTS: list[dict[str, Any]] = WATCHED["groups"][0]["rules"]
BOARD = json.loads((ROOT / "docker" / "grafana" / "dashboards" / "voice.json").read_text(encoding="utf-8"))
EXPRESSIONS = {alert["alert"]: alert["expr"] for alert in ALERTS} | {
    f"{panel['title']} {target['refId']}": target["expr"] for panel in BOARD["panels"] for target in panel["targets"]
}
NAME = re.compile(r"\b((?:voice|process)_\w+)")
LABEL = re.compile(r"\b(\w+)(?:=~?|!=)\"|by \(([\w, ]+)\)")
PROMETHEUS_OWN = {"job", "instance", "le"}
DURATION = r"(?:[0-9]+(?:ms|[smhdwy]))+"
SELECTED = re.compile(rf"(?:(\w+)\()?\b(voice_\w+|up)(?:\{{([^}}]*)\}})?(?:\[({DURATION})\])?")
"""A function, the metric that it is given, its matchers, and a range."""
VALUES = {
    "code": {code.slug for code in Code},
    "outcome": {"handed back", "parked", *AuditOutcome},
    "state": {"live", "draining"},
    "why": {"displaced", "refused"},
    "job": {job["job_name"] for job in JOBS},
}
"""What the labels may say that alerts ask for."""
OVER_TIME = {"increase", "delta", "rate"}


def registries() -> list[CollectorRegistry]:
    """What each process shows when it has just started."""
    follower = Ticks()
    Gauges.beside(follower)
    every = (BackupMetrics(), DispatcherMetrics(), follower, ValidatorMetrics(), WorkerMetrics(), ApiMetrics())
    return [each.registry for each in every]


REGISTRIES = registries()


def shown() -> dict[str, set[str]]:
    """Every sample that some process shows, with its labels."""
    found: dict[str, set[str]] = {}
    for registry in REGISTRIES:
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
    """On the port of their numbers, which is no published one, and each shares a network with Prometheus."""
    for job in JOBS:
        service = SERVICES[job["job_name"]]
        port = int(service["environment"]["VOICE_METRICS_PORT"])
        named = (
            job["static_configs"][0]["targets"] if "static_configs" in job else [f"{job['dns_sd_configs'][0]['names'][0]}:{port}"]
        )
        assert named == [f"{job['job_name']}:{port}"]
        assert set(service["networks"]) & set(SERVICES["prometheus"]["networks"])
    assert {job["job_name"] for job in JOBS} == {"api", "backup", "dispatcher", "model-queue", "validator", "worker"}
    [workers] = [job["dns_sd_configs"][0]["names"] for job in JOBS if job["job_name"] == "worker"]
    assert workers == [name for name in SERVICES if name.endswith("worker")]


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


def test_the_file_is_one_that_prometheus_loads() -> None:
    """Named groups, each rule once, and no key that Prometheus does not know; it ends at the first that is wrong, with all the others."""
    assert [set(group) for group in WATCHED["groups"]] == [{"name", "rules"}]
    assert WATCHED.keys() == {"groups"}
    names = [alert["alert"] for alert in ALERTS]
    assert len(set(names)) == len(names)
    assert {key for alert in ALERTS for key in alert} == {"alert", "expr", "for", "labels", "annotations"}
    assert [alert["for"] for alert in ALERTS if "for" in alert and not re.fullmatch(DURATION, alert["for"])] == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alerts_expression_is_whole(alert: dict[str, Any]) -> None:
    """It compares something with a number, its brackets are closed, and what looks back says how far, as nothing else does."""
    expression = alert["expr"]
    assert re.search(r" (==|>|<) [0-9.]+$", expression)
    assert [expression.count(bracket) for bracket in "([{"] == [expression.count(bracket) for bracket in ")]}"]
    selected = SELECTED.findall(expression)
    assert selected
    assert [function for function, _, _, span in selected if (function in OVER_TIME) != bool(span)] == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_asks_for_what_a_label_says(alert: dict[str, Any]) -> None:
    """A word that no label ever has would be an alert that never comes."""
    for _, _, matchers, _ in SELECTED.findall(alert["expr"]):
        for label, value in re.findall(r'(\w+)!?="([^"]*)"', matchers):
            assert value in VALUES[label], label


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_what_increases_is_shown_from_0_on(alert: dict[str, Any]) -> None:
    """A row that begins with its first event never increased: the alert would come with the second one."""
    rows = [(sample.name, sample.labels) for registry in REGISTRIES for metric in registry.collect() for sample in metric.samples]
    for function, name, matchers, _ in SELECTED.findall(alert["expr"]):
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', matchers)).items()
        assert function not in OVER_TIME or any(name == each and wanted <= labels.items() for each, labels in rows)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alerts_sentence_names_only_what_is_left(alert: dict[str, Any]) -> None:
    """A sum has no labels any more: what asks for one in the sentence would say nothing there."""
    left = PROMETHEUS_OWN.union(*(SHOWN.get(name, set()) for _, name, _, _ in SELECTED.findall(alert["expr"])))
    for field in re.findall(r"\{\{ (.*?) \}\}", alert["annotations"]["summary"]):
        assert field == "$value" or ("sum(" not in alert["expr"] and field.removeprefix("$labels.") in left)
