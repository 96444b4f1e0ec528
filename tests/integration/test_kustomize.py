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
