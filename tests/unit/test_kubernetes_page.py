"""docs/kubernetes.md makes what the cluster asks for, and names what exists."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from neurons.cli.main import app
from tests.builders.cluster import EVERY, K8S, PODS, ROOT, environment, secret_files, spec_of
from tests.builders.kustomize import containers, render

PAGE = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")


def test_the_page_makes_every_secret_and_setting_that_is_asked_for() -> None:
    """Each Secret and ConfigMap that a pod names is made by a line of the page."""
    makers = {"postgres_password", "redis_password", "redis_url", "service_key"}
    looped = re.search(r"^for file in (.+); do$", PAGE, re.MULTILINE)
    assert looped is not None
    assert set(looped[1].split()) == makers | {"database_url*"}
    secrets = {secret for name in PODS for secret, _ in secret_files(name).values()}
    secrets |= {volume["secret"]["secretName"] for name in PODS for volume in spec_of(name)["volumes"] if "secret" in volume}
    by_hand = set(re.findall(r"create secret generic ((?:store|wallet)-\w+)", PAGE))

    made = {each.replace("_", "-") for each in makers} | by_hand
    assert {secret for secret in secrets if not secret.startswith("database-url")} == made
    assert set(re.findall(r"create configmap (\w+)", PAGE)) == {"settings", "certificates"}


def test_the_page_names_what_must_be_set() -> None:
    """The file of settings has what no pod starts without."""
    needed = {
        variable
        for name in PODS
        for variable, given in environment(name).items()
        if "configMapKeyRef" in given.get("valueFrom", {}) and not given["valueFrom"]["configMapKeyRef"].get("optional")
    }

    assert needed <= set(re.findall(r"^([A-Z_]+)=", PAGE, re.MULTILINE))


def test_the_page_names_objects_that_exist() -> None:
    """After `kubectl`, a Deployment, Job or StatefulSet is one of ours."""
    kinds = {"deployment": "Deployment", "job": "Job", "statefulset": "StatefulSet", "service": "Service", "cronjob": "CronJob"}
    named = re.findall(rf"\b({'|'.join(kinds)})/([a-z-]+)", PAGE)

    assert named
    assert [(kind, name) for kind, name in named if (kinds[kind], name) not in EVERY] == []
    assert all((K8S / path).is_dir() for path in re.findall(r"docker/k8s/((?:base|overlays/)[a-z-]*)", PAGE))


def test_the_pages_overlay_takes_every_image_of_ours_from_the_registry_that_it_is_pushed_to(tmp_path: Path) -> None:
    """Each image that the page builds; those of others stay as they are."""
    [overlay] = re.findall(r"```yaml\n# deploy/kustomization.yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "docker").symlink_to(ROOT / "docker")
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "kustomization.yaml").write_text(overlay, encoding="utf-8")
    images = {container["image"] for each in render(tmp_path / "deploy") for container in containers(each)}
    [built] = re.findall(r"^for target in (.+); do$", PAGE, re.MULTILINE)
    [pushed] = re.findall(r"docker push (\S+)\$target(\S+)$", PAGE, re.MULTILINE)

    assert {image for image in images if "voice-subnet" in image} == {target.join(pushed) for target in built.split()}


@pytest.mark.parametrize("line", re.findall(r"^(?:kubectl exec .* -- )?(voice .*)$", PAGE, re.MULTILINE))
def test_a_command_of_ours_takes_what_it_is_given(line: str) -> None:
    """The command line parses it; nothing is run."""
    command: Any = typer.main.get_command(app)
    words = shlex.split(line)[1:]
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    assert not command.make_context(command.name, words).args
