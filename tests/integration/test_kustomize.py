"""Our own rendering of docker/k8s against kustomize itself, and what Prometheus says of the file for it; where these tools are."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders.kustomize import render

K8S = Path(__file__).resolve().parents[2] / "docker" / "k8s"
FOLDERS = [path.parent.relative_to(K8S).as_posix() for path in sorted(K8S.rglob("kustomization.yaml"))]

kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: apt-get install prometheus)"
)


def by_name(objects: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Objects by kind and name: kustomize has an order of its own."""
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


@kubectl
@pytest.mark.parametrize("folder", FOLDERS)
def test_kustomize_makes_the_same_of_it(folder: str) -> None:
    """Each object in each field, so what the unit tests read is what a cluster is given."""
    made = subprocess.run(["kubectl", "kustomize", str(K8S / folder)], capture_output=True, text=True, check=True, timeout=30)

    assert by_name(list(yaml.safe_load_all(made.stdout))) == by_name(render(K8S / folder))


@promtool
def test_prometheus_takes_the_file_for_a_cluster(tmp_path: Path) -> None:
    """Its own tool finds nothing wrong; without how pods are found, which Debian's does not know."""
    config = yaml.safe_load((K8S / "observe" / "prometheus.yml").read_text(encoding="utf-8"))
    [job] = config["scrape_configs"]
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod", "namespaces": {"names": ["voice-subnet"]}}]
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    told = subprocess.run(["promtool", "check", "config", str(path)], capture_output=True, text=True, check=False, timeout=30)

    assert (told.returncode, "SUCCESS" in told.stdout) == (0, True), told.stdout + told.stderr


@promtool
def test_the_autoscalers_numbers_count_each_row_once(tmp_path: Path) -> None:
    """By Prometheus's own tool, with two APIs that show the same rows: what waits and what runs, and the oldest but for sentences."""
    rules = yaml.safe_load((K8S / "autoscale" / "adapter-rules.yml").read_text(encoding="utf-8"))["rules"]["external"]
    shown = {
        'voice_evaluations{queue="cpu",state="queued"': 5,
        'voice_evaluations{queue="cpu",state="running"': 3,
        'voice_evaluations{queue="cpu",state="scored"': 70,
        'voice_evaluations{queue="gpu",state="queued"': 11,
        'voice_queue_age_seconds{queue="cpu",of="evaluations",track="small"': 240,
        'voice_queue_age_seconds{queue="cpu",of="validations",track=""': 300,
        'voice_queue_age_seconds{queue="cpu",of="speeches",track=""': 9000,
        'voice_queue_age_seconds{queue="gpu",of="evaluations",track="described"': 4000,
    }
    asked = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "input_series": [
                    {"series": f'{series},instance="api-{api}"}}', "values": f"{value}x2"}
                    for series, value in shown.items()
                    for api in (1, 2)
                ],
                "promql_expr_test": [
                    {
                        "expr": _asked(rule["metricsQuery"], rule["seriesQuery"]),
                        "eval_time": "1m",
                        "exp_samples": [
                            {"labels": '{queue="cpu"}', "value": {"voice_evaluations_open": 8}.get(rule["name"]["as"], 300)}
                        ],
                    }
                    for rule in rules
                ],
            }
        ],
    }
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump(asked), encoding="utf-8")
    told = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False, timeout=30)

    assert told.returncode == 0, told.stdout + told.stderr


def _asked(query: str, series: str) -> str:
    """A query as the adapter fills it in for the queue of processors."""
    return query.replace("<<.Series>>", series.partition("{")[0]).replace("<<.LabelMatchers>>", 'queue="cpu"')
