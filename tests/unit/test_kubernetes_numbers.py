"""What docker/k8s does with numbers: whom Prometheus asks in a cluster, and what the autoscaler goes by."""

import re
from typing import Any

import yaml

from tests.builders.cluster import EVERY, K8S, PODS, RENDERED, ROOT, container_of, spec_of
from tests.builders.process_numbers import registries

SHOWN = {name for registry in registries().values() for name in registry._names_to_collectors}


def test_the_autoscaler_asks_for_numbers_that_are_shown() -> None:
    """Each of its metrics is one that the adapter's rules make, of numbers that the API shows, with their labels."""
    rules = yaml.safe_load((K8S / "autoscale" / "adapter-rules.yml").read_text(encoding="utf-8"))["rules"]["external"]
    asked = [each["external"] for each in EVERY["HorizontalPodAutoscaler", "worker"]["spec"]["metrics"]]

    assert {each["metric"]["name"] for each in asked} == {rule["name"]["as"] for rule in rules}
    assert {next(iter(re.findall(r"\w+", rule["seriesQuery"]))) for rule in rules} <= SHOWN
    assert all(each["metric"]["selector"] == {"matchLabels": {"queue": "cpu"}} for each in asked)
    assert all("by (queue)" in rule["metricsQuery"] and "<<.LabelMatchers>>" in rule["metricsQuery"] for rule in rules)


def test_the_autoscaler_leaves_a_worker_its_time() -> None:
    """It takes one away at a time, and waits longer than a worker drains; what it decides is not undone by the next `apply`."""
    down = EVERY["HorizontalPodAutoscaler", "worker"]["spec"]["behavior"]["scaleDown"]
    [policy] = down["policies"]
    [scaled] = [
        each for each in RENDERED["overlays/autoscaled"] if (each["kind"], each["metadata"]["name"]) == ("Deployment", "worker")
    ]

    assert (policy["value"], policy["periodSeconds"] > spec_of("worker")["terminationGracePeriodSeconds"]) == (1, True)
    assert "replicas" not in scaled["spec"]


def test_prometheus_finds_in_a_cluster_whom_it_asks_in_compose() -> None:
    """Whoever has a port named `metrics`, under the names that alerts know."""
    [job] = yaml.safe_load((K8S / "observe" / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    compose = yaml.safe_load((ROOT / "docker" / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    found = [
        {"pod_container_port_name": port["name"], "pod_phase": "Running", "pod_label_app": name, "pod_name": f"{name}-0"}
        for name in PODS
        for port in container_of(name).get("ports", [])
    ]
    targets = [
        _relabelled({f"__meta_kubernetes_{key}": value for key, value in each.items()}, job["relabel_configs"]) for each in found
    ]

    assert {each["job"] for each in targets if each} == {each["job_name"] for each in compose}
    assert all(each["instance"].startswith(each["job"]) for each in targets if each)


def _relabelled(labels: dict[str, str], rules: list[dict[str, Any]]) -> dict[str, str] | None:
    """What Prometheus' rules make of a target's labels; None where they drop it."""
    for rule in rules:
        value = ";".join(labels.get(source, "") for source in rule["source_labels"])
        match = re.fullmatch(rule.get("regex", "(.*)"), value)
        if rule.get("action") == "keep" and match is None:
            return None
        if "target_label" in rule and match is not None:
            labels = labels | {rule["target_label"]: match.expand(rule.get("replacement", r"\1"))}
    return labels
