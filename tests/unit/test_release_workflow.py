"""The workflow that makes a release: who may do what in it, and that it builds what the stack runs."""

import importlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / ".github" / "workflows" / "release.yml"
WORKFLOW: dict[Any, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
ALLOWED: dict[str, dict[str, str]] = {
    "check": {"contents": "read"},
    "images": {"contents": "read", "packages": "write", "id-token": "write"},
    "package": {"contents": "read"},
    "record": {"contents": "read"},
    "publish": {"contents": "write", "id-token": "write"},
}
"""What each job may do, and nothing else."""
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docker/release_check.py as a module."""
    monkeypatch.syspath_prepend(ROOT / "docker")
    return importlib.import_module("release_check")


def test_each_job_may_do_what_it_must_and_nothing_else() -> None:
    """By default nothing; a job that runs others' programs cannot publish."""
    assert WORKFLOW["permissions"] == {}
    assert {name: job["permissions"] for name, job in JOBS.items()} == ALLOWED
    assert {name: job["environment"] for name, job in JOBS.items() if "environment" in job} == {
        "record": "release",
        "publish": "package",
    }


def test_a_job_waits_for_what_must_hold_first() -> None:
    """Nothing is built before the tests, nothing is signed before all is built, and nothing is published before it is signed."""
    assert {name: job.get("needs") for name, job in JOBS.items()} == {
        "check": None,
        "images": "check",
        "package": "check",
        "record": ["images", "package"],
        "publish": "record",
    }
    assert "run: bash .ci/run" in FILE.read_text(encoding="utf-8")


def test_only_a_tag_of_a_version_begins_it() -> None:
    """Nobody's pull request does. YAML reads `on` as true."""
    assert WORKFLOW[True] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}


def test_no_text_of_a_command_is_filled_in() -> None:
    """Secrets and names come as variables: what is pasted into a script could be a script."""
    assert [step["run"] for _, step in STEPS if "${{" in step.get("run", "")] == []


def test_a_secret_is_given_to_the_step_that_needs_it() -> None:
    """The release key to the one that signs, and the workflow's own token to the two that publish."""
    given = {
        (name, secret)
        for name, step in STEPS
        for text in (*step.get("with", {}).values(), *step.get("env", {}).values())
        for secret in re.findall(r"secrets\.(\w+)", str(text))
    }
    assert given == {("images", "GITHUB_TOKEN"), ("record", "RELEASE_KEY"), ("publish", "GITHUB_TOKEN")}
    assert FILE.read_text(encoding="utf-8").count("secrets.") == len(given)


def test_what_others_wrote_is_pinned_by_its_commit() -> None:
    """In every workflow, with the version beside it; and no checkout of a release leaves its token behind."""
    texts = [path.read_text(encoding="utf-8") for path in FILE.parent.glob("*.yml")]
    lines = [line for text in texts for line in text.splitlines() if "uses:" in line]
    assert len(texts) > 1
    assert [line for line in lines if not re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []
    checkouts = [step for _, step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False] * len(checkouts)


def test_every_image_that_the_stack_runs_is_built_and_signed(check: ModuleType) -> None:
    """The Dockerfile's targets, as the compose file names them, each signed by its digest."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    assert check.targets() == sorted({service["build"]["target"] for service in compose.values() if "build" in service})
    assert JOBS["images"]["strategy"]["matrix"] == {"target": "${{ fromJSON(needs.check.outputs.targets) }}"}
    taken = set(re.findall(r"^ARG ([A-Z_]+)=", (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE))
    [building] = [step["with"]["build-args"] for _, step in STEPS if step.get("uses", "").startswith("docker/build-push-action@")]
    assert {line.partition("=")[0] for line in building.splitlines()} <= taken
    [signing] = [step for _, step in STEPS if "cosign sign" in step.get("run", "")]
    assert 'cosign sign --yes "$IMAGE@$DIGEST"' in signing["run"]


def test_it_names_no_registry_and_no_index() -> None:
    """They are the repository's settings, and the publisher's own default."""
    words = re.findall(r"[\w-]+(?:\.[\w-]+)+", "\n".join(json.dumps(job) for job in JOBS.values()))
    assert [word for word in words if re.search(r"\.(io|org|com|dev)$", word)] == []


def _source(folder: Path, **files: str) -> Path:
    (folder / "docker").mkdir()
    standard = {
        "pyproject.toml": '[project]\nversion = "1.2.3"\n',
        "CHANGELOG.md": "## [Unreleased]\n\n## [1.2.3] - 2026-12-01\n",
        "docker/Dockerfile": f"FROM python:3@sha256:{'1a' * 32} AS base\nFROM base AS api\n",
        "docker-compose.yml": "services:\n  api:\n    build: { target: api }\n",
    }
    for name, text in (standard | files).items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("tag", "files", "wrong"),
    [
        pytest.param("v1.2.3", {}, None, id="all is well"),
        pytest.param("v1.2.4", {}, "the tag is v1.2.4, and pyproject.toml says 1.2.3", id="another version"),
        pytest.param("v1.2.3", {"CHANGELOG.md": "## [Unreleased]\n"}, "no section [1.2.3]", id="no changelog"),
        pytest.param("v1.2.3", {"docker/Dockerfile": "FROM python:3 AS base\n"}, "python:3 has no digest", id="no digest"),
        pytest.param(
            "v1.2.3",
            {"docker-compose.yml": "services:\n  db:\n    image: postgres:18 # x\n"},
            "postgres:18 has no digest",
            id="run",
        ),
    ],
)
def test_a_tag_is_looked_at_first(check: ModuleType, tmp_path: Path, tag: str, files: dict[str, str], wrong: str | None) -> None:
    """What is wrong is said before anything is built."""
    found = check.problems(tag, _source(tmp_path, **files))
    assert (len(found), wrong is None or wrong in found[0]) == (int(wrong is not None), True)


def test_the_check_tells_a_workflow_the_targets(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the form of a step's output; or it ends with what is wrong."""
    monkeypatch.setattr(check, "problems", lambda _: [])
    monkeypatch.setattr(sys, "argv", ["release_check.py", "v1.2.3"])
    check.main()
    name, _, value = capsys.readouterr().out.strip().partition("=")
    assert (name, json.loads(value)) == ("targets", check.targets())
    monkeypatch.setattr(check, "problems", lambda _: ["one", "two"])
    with pytest.raises(SystemExit, match="one\ntwo"):
        check.main()
