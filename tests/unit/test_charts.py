"""Prometheus, its alerts and Grafana's dashboards name what the processes really show, and the runbook they point to."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from neurons.validator.refused_receipts import ReceiptRefusal
from scoring.errors import Code
from tests.builders.process_numbers import registries
from voice_api.db.states import AuditOutcome, RefusalClass, WorkerDuty
from workers.sandbox.card_numbers import CardNumbers

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
JOBS: list[dict[str, Any]] = yaml.safe_load((ROOT / "docker" / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
WATCHED: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "alerts.yml").read_text(encoding="utf-8"))
ALERTS: list[dict[str, Any]] = WATCHED["groups"][0]["rules"]
BOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in (ROOT / "docker" / "grafana" / "dashboards").glob("*.json")
}
EXPRESSIONS = {alert["alert"]: alert["expr"] for alert in ALERTS} | {
    f"{name}: {panel['title']} {target['refId']}": target["expr"]
    for name, board in BOARDS.items()
    for panel in board["panels"]
    for target in panel["targets"]
}
NAME = re.compile(r"\b((?:voice|process)_\w+)")
LABEL = re.compile(r"\b(\w+)(?:=~?|!=)\"|(?:by|on) \(([\w, ]+)\)")
PROMETHEUS_OWN = {"job", "instance", "le", "alertname", "alertstate"}
OF_PROMETHEUS = {"ProcessDown", "ProcessNeverAnswered", "voice: Alerts A"}
"""What asks Prometheus alone, which knows whom it reached and what it told."""
DURATION = r"(?:[0-9]+(?:ms|[smhdwy]))+"
SELECTED = re.compile(rf"(?:(\w+)\()?\b(voice_\w+|up)(?:\{{([^}}]*)\}})?(?:\[({DURATION})\])?")
"""A function, the metric that it is given, its matchers, and a range."""
VALUES = {
    "code": {code.slug for code in Code},
    "outcome": {"handed back", "parked", "scored", *AuditOutcome},
    "state": {"live", "draining", "gone"},
    "why": {"displaced", "refused", *ReceiptRefusal},
    "of": {"evaluations", "validations", "speeches"},
    "class": set(RefusalClass),
    "route": {"/v1/live"},
    "status": {"5.."},
    "takes": set(WorkerDuty),
    "job": {job["job_name"] for job in JOBS} | {"miner"},
}
"""What the labels may say that alerts ask for."""
LASTS = ("for", "keep_firing_for")
FROM_0 = {"increase", "delta"}
OVER_TIME = FROM_0 | {"rate", "max_over_time", "count_over_time"}
REGISTRIES = list(registries().values())


def shown() -> dict[str, set[str]]:
    """Every sample that some process shows, with its labels."""
    found: dict[str, set[str]] = {}
    cards = CardNumbers(lambda: "00000000:17:00.0, 1, 2, 3, 4").collect()
    found |= {family.name: set(family.samples[0].labels) for family in cards}
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
    assert named or where in OF_PROMETHEUS
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
        "voice_weights_age_blocks",
        "voice_weights_burn_ratio",
        "voice_weights_attempts_total",
        "voice_receipts_refused",
        "voice_ledgers_part",
        "voice_chain_moved_timestamp_seconds",
        "voice_clock_ahead_seconds",
        "voice_disk_free_bytes",
        "voice_store_bytes",
        "voice_certificate_expires_timestamp_seconds",
        "voice_card_memory_bytes",
        "voice_miner_rank",
    }


def test_a_miners_board_asks_for_what_a_miner_shows() -> None:
    """And for nothing of a validator's: a miner's Prometheus reaches none."""
    asked = set(NAME.findall(" ".join(expression for name, expression in EXPRESSIONS.items() if name.startswith("miner: "))))
    assert {name.partition("_")[0] for name in asked} == {"voice", "process"}
    assert {name for name in asked if name.startswith("voice_") and not name.startswith("voice_miner_")} == set()


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


def test_prometheus_tells_alertmanager() -> None:
    """Where it listens, on a network that both share; what it proves itself with to others lies where it looks."""
    watched = yaml.safe_load((ROOT / "docker" / "prometheus.yml").read_text(encoding="utf-8"))["alerting"]["alertmanagers"]
    assert watched == [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]
    assert set(SERVICES["alertmanager"]["networks"]) & set(SERVICES["prometheus"]["networks"])
    mounted = {volume.rsplit(":", 2)[1] for volume in SERVICES["alertmanager"]["volumes"][:2]}
    example = (ROOT / "docker" / "alertmanager.example.yml").read_text(encoding="utf-8")
    secrets = re.findall(r"_file: ([^ }\n]+)", example)
    assert len(secrets) == 2 and {str(Path(each).parent) for each in secrets} <= mounted


@pytest.mark.parametrize("name", BOARDS)
def test_panels_do_not_overlap(name: str) -> None:
    """Three in a row, each in a place of its own."""
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in BOARDS[name]["panels"]]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_how_urgent_it_is_and_what_happened(alert: dict[str, Any]) -> None:
    """Critical is what somebody is woken for; the sentence stands in the message."""
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"].keys() == {"summary", "description", "runbook"}
    assert all(alert["annotations"].values())


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
    assert {key for alert in ALERTS for key in alert} == {"alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
    assert [alert["alert"] for alert in ALERTS for key in LASTS if not re.fullmatch(DURATION, alert.get(key, "0s"))] == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alerts_expression_is_whole(alert: dict[str, Any]) -> None:
    """It compares something, its brackets are closed, and what looks back says how far, as nothing else does."""
    expression = alert["expr"]
    assert re.search(r" (==|>=?|<) ", expression)
    assert [expression.count(bracket) for bracket in "([{"] == [expression.count(bracket) for bracket in ")]}"]
    selected = SELECTED.findall(expression)
    assert selected
    assert [function for function, _, _, span in selected if (function in OVER_TIME) != bool(span)] == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_asks_for_what_a_label_says(alert: dict[str, Any]) -> None:
    """A word that no label ever has would be an alert that never comes."""
    for _, _, matchers, _ in SELECTED.findall(alert["expr"]):
        for label, values in re.findall(r'(\w+)(?:!=|=~?)"([^"]*)"', matchers):
            assert set(values.split("|")) <= VALUES[label], label


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_what_increases_is_shown_from_0_on(alert: dict[str, Any]) -> None:
    """A row that begins with its first event never increased: the alert would come with the second one."""
    rows = [(sample.name, sample.labels) for registry in REGISTRIES for metric in registry.collect() for sample in metric.samples]
    for function, name, matchers, _ in SELECTED.findall(alert["expr"]):
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', matchers)).items()
        assert function not in FROM_0 or any(name == each and wanted <= labels.items() for each, labels in rows)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alerts_sentence_names_only_what_is_left(alert: dict[str, Any]) -> None:
    """A sum has no labels any more: what asks for one in the sentence would say nothing there."""
    every = PROMETHEUS_OWN.union(*(SHOWN.get(name, set()) for _, name, _, _ in SELECTED.findall(alert["expr"])))
    summed = re.match(r"(?:time\(\) - )?(?:sum|min|max)(?: by \(([\w, ]+)\))?", alert["expr"])
    left = every if summed is None else set(re.findall(r"\w+", summed[1] or ""))
    assert set(re.findall(r"\$labels\.(\w+)", alert["annotations"]["summary"])) <= left
