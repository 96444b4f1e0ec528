"""The cluster that docker/k8s describes, beside the stack of docker-compose.yml: its objects, and each pod with the service that it is."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders.kustomize import containers, pod_of, render

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "docker" / "k8s"
COMPOSE: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
COMPOSES_VOLUMES = set(COMPOSE["volumes"])
RENDERED = {
    path.parent.relative_to(K8S).as_posix(): render(path.parent)
    for path in sorted(K8S.rglob("kustomization.yaml"))
    if path.parent.name == "base" or path.parent.parent.name == "overlays"
}
BASE = RENDERED["base"]
EVERY = {(each["kind"], each["metadata"]["name"]): each for objects in (*RENDERED.values(), BASE) for each in objects}
"""Each object once, as the base has it, then those that an overlay adds."""
IN_COMPOSE = {"worker-gpu": "gpu-worker"}
"""Pods whose service has another name."""
PODS = {
    each["metadata"]["name"]: each for each in EVERY.values() if pod_of(each) is not None and each["metadata"]["name"] in SERVICES
} | {name: EVERY["Deployment", name] for name in IN_COMPOSE}
each_pod = pytest.mark.parametrize("name", PODS)


def service_of(name: str) -> dict[str, Any]:
    """Compose's service that a pod is."""
    return SERVICES[IN_COMPOSE.get(name, name)]


def spec_of(name: str) -> dict[str, Any]:
    """A pod's specification."""
    pod = pod_of(PODS[name])
    assert pod is not None
    spec: dict[str, Any] = pod["spec"]
    return spec


def container_of(name: str) -> dict[str, Any]:
    """A pod's one container."""
    [container] = containers(PODS[name])
    return container


def environment(name: str) -> dict[str, dict[str, Any]]:
    """A container's variables by name."""
    return {each["name"]: each for each in container_of(name).get("env", [])}


def secret_files(name: str) -> dict[str, tuple[str, str]]:
    """What lies in a pod's /run/secrets, by file: the Secret, and the key in it."""
    sources = [source for volume in spec_of(name)["volumes"] for source in volume.get("projected", {}).get("sources", [])]
    return {
        item["path"]: (source["secret"]["name"], item["key"]) for source in sources for item in source["secret"].get("items", [])
    }
