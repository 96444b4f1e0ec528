"""What docker/k8s promises, read from its files: it is the stack of docker-compose.yml, as confined, with the same secrets."""

import copy
import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from scoring import competition, described
from tests.builders.cluster import (
    BASE,
    COMPOSES_VOLUMES,
    EVERY,
    IN_COMPOSE,
    K8S,
    PODS,
    RENDERED,
    ROOT,
    SERVICES,
    container_of,
    each_pod,
    environment,
    secret_files,
    service_of,
    spec_of,
)
from tests.builders.kustomize import pod_of
from workers.sandbox.limits import WORKER_BYTES

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
SCHEMAS = ("1.29", "1.37")
"""Versions of Kubernetes: the oldest that the page names, and the newest that there are schemas of."""
LEFT_OUT = {"caddy", "speech-worker", "prometheus", "alertmanager", "grafana"}
"""Services that a patch makes of a worker, or that clusters have of their own."""
POSTGRES_USER = 999
FILES = {"VOICE_COMPETITION", "VOICE_DEVCHAIN", "VOICE_STANDARD_PINS"}
"""Paths of files that somebody would have to mount first."""
S3 = {"VOICE_STORE_ENDPOINT", "VOICE_STORE_REGION"}
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
STORE_KEYS = {"voice_store_access_key", "voice_store_secret_key"}


def test_it_is_the_stack_of_compose() -> None:
    """Each service has its pods, but for those that are named here, and nothing else runs."""
    assert {IN_COMPOSE.get(name, name) for name in PODS} == set(SERVICES) - LEFT_OUT
    made = {each["metadata"]["name"] for each in EVERY.values() if pod_of(each) is not None}
    assert made == set(PODS)


@pytest.mark.parametrize("version", SCHEMAS)
@pytest.mark.parametrize("overlay", RENDERED)
def test_an_object_is_what_kubernetes_takes(overlay: str, version: str) -> None:
    """By its own schemas, in which an unknown field is a fault. Of an overlay, what the base has not."""
    ours = RENDERED[overlay] if overlay == "base" else [each for each in RENDERED[overlay] if each not in BASE]

    assert [kubernetes_validate.validate(each, version, strict=True) for each in ours] == [version] * len(ours)


def test_an_unknown_field_is_told() -> None:
    """A misspelt field is a fault of the schemas, so the test above would tell one."""
    wrong = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "api"}, "spec": {"prots": []}}

    with pytest.raises(kubernetes_validate.ValidationError, match="prots"):
        kubernetes_validate.validate(wrong, SCHEMAS[0], strict=True)


@each_pod
def test_a_pod_is_confined(name: str) -> None:
    """A read-only root, no capability, no new privilege, the runtime's filter of system calls, and nothing of the host's."""
    spec, container = spec_of(name), container_of(name)

    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers", "shareProcessNamespace"} & set(spec)
    assert {kind for volume in spec["volumes"] for kind in volume if kind != "name"} <= {
        *("emptyDir", "projected", "secret", "configMap", "persistentVolumeClaim")
    }
    assert {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}} in spec["volumes"]


@each_pod
def test_a_pod_has_nothing_that_is_not_looked_at_here(name: str) -> None:
    """No variables from a whole Secret, no second container, no field that the other tests do not know."""
    known = {"name", "image", "command", "args", "env", "ports", "resources", "securityContext", "volumeMounts", *PROBES}
    known_of_pods = {
        "serviceAccountName",
        "automountServiceAccountToken",
        "enableServiceLinks",
        "securityContext",
        "containers",
        "volumes",
    }
    known_of_pods |= {
        "terminationGracePeriodSeconds",
        "topologySpreadConstraints",
        "restartPolicy",
        "nodeSelector",
        "tolerations",
    }

    assert set(container_of(name)) <= known
    assert set(spec_of(name)) <= known_of_pods
    assert all(
        set(each["valueFrom"]) <= {"configMapKeyRef", "fieldRef"} for each in environment(name).values() if "valueFrom" in each
    )


def test_old_sounds_are_cleared_away_each_day() -> None:
    """At one minute of every day, never two at once, and tried again after a failure."""
    rule = {key: value for key, value in PODS["prune"]["spec"].items() if key != "jobTemplate"}

    assert rule == {"schedule": "17 3 * * *", "timeZone": "Etc/UTC", "concurrencyPolicy": "Forbid"}
    assert (PODS["prune"]["spec"]["jobTemplate"]["spec"]["backoffLimit"] > 0, spec_of("prune")["restartPolicy"]) == (
        True,
        "OnFailure",
    )


@each_pod
def test_a_pod_runs_as_compose_has_it(name: str) -> None:
    """As the same user; PostgreSQL as its own from the start, so that it needs no capability, which compose has to grant it."""
    user = POSTGRES_USER if name == "postgres" else int(service_of(name)["user"].partition(":")[0])
    security = spec_of(name)["securityContext"]

    assert (security["runAsNonRoot"], security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (True, *[user] * 3)


@each_pod
def test_a_pod_may_ask_the_cluster_for_nothing(name: str) -> None:
    """No token is mounted, and no other service is named in its environment."""
    spec = spec_of(name)

    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (
        *("processes", False, False),
    )
    assert EVERY["ServiceAccount", "processes"]["automountServiceAccountToken"] is False
    assert {kind for kind, _ in EVERY} & {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"} == set()


def test_the_cluster_refuses_what_is_less_confined() -> None:
    """The namespace asks for the strictest of Kubernetes' own pod security standards."""
    assert EVERY["Namespace", "voice-subnet"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@each_pod
def test_a_pod_has_composes_memory(name: str) -> None:
    """The same limit; no limit of processor time, which would slow speech down while cores are idle."""
    given = re.fullmatch(r"(?:\$\{\w+:-)?(\d+)g\}?", service_of(name)["mem_limit"])
    resources = container_of(name)["resources"]

    assert given is not None
    assert resources["limits"]["memory"] == f"{given[1]}Gi"
    assert "cpu" in resources["requests"] and "cpu" not in resources["limits"]


@pytest.mark.parametrize(("name", "rules"), [("worker", competition.DEFAULT_PATH), ("worker-gpu", described.PATH)])
def test_a_guests_memory_is_beside_the_workers_own(name: str, rules: Path) -> None:
    """A pod has what its track gives a guest, and the worker's own beside it, and is promised all of it."""
    most = max(map(int, re.findall(r"^ram_bytes = (\d+)$", rules.read_text(encoding="utf-8"), re.MULTILINE)))
    resources = container_of(name)["resources"]

    assert resources["requests"]["memory"] == resources["limits"]["memory"]
    assert int(resources["limits"]["memory"].removesuffix("Gi")) << 30 >= most + WORKER_BYTES


@each_pod
def test_a_pod_is_given_composes_secrets(name: str) -> None:
    """The same files, each from a Secret of its own, so that a node learns those of its pods alone; and keys to the store."""
    wanted = [
        each if isinstance(each, dict) else {"source": each, "target": each} for each in service_of(name).get("secrets", [])
    ]
    files = secret_files(name)
    store = {file for file in files if file in STORE_KEYS}

    assert {file: key for file, (_, key) in files.items() if file not in store} == {
        each["target"]: each["source"] for each in wanted
    }
    assert all(secret == key.replace("_", "-") for file, (secret, key) in files.items() if file not in store)
    assert store == (STORE_KEYS if "VOICE_STORE" in environment(name) else set())
    assert {files[file][0] for file in store} <= {f"store-{'worker' if name == 'worker-gpu' else name}"}


@each_pod
def test_wallets_go_to_those_who_sign(name: str) -> None:
    """Each its own, where compose mounts it, read-only; a Secret is mounted in no other way."""
    volumes = {each["name"]: each["secret"] for each in spec_of(name)["volumes"] if "secret" in each}
    [wallet] = [each for each in service_of(name).get("volumes", []) if "wallets" in each] or [None]
    if wallet is None:
        assert volumes == {}
        return
    place = wallet.removesuffix(":ro").rpartition(":")[2]

    assert {"name": "wallet", "mountPath": place, "readOnly": True} in container_of(name)["volumeMounts"]
    assert volumes["wallet"]["secretName"] == place.strip("/").replace("wallets/", "wallet-")
    assert {item["path"] for item in volumes["wallet"]["items"]} == {"coldkeypub.txt", "hotkeys/default"}


def test_no_secret_and_no_setting_is_defined_here() -> None:
    """Nobody runs with a password that somebody could know: Secrets and ConfigMaps are made by hand, or nothing starts."""
    assert {kind for kind, _ in EVERY} & {"Secret", "ConfigMap"} == set()
    kustomizations = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in K8S.rglob("kustomization.yaml")]
    assert [each for each in kustomizations if {"secretGenerator", "configMapGenerator"} & set(each)] == []


@each_pod
def test_a_process_is_told_what_compose_tells_it(name: str) -> None:
    """The same variables; storage in place of a folder."""
    wanted = set(service_of(name).get("environment", {})) - FILES
    wanted |= S3 if "VOICE_STORE" in wanted else set()
    wanted |= {"NVIDIA_DRIVER_CAPABILITIES"} if name == "worker-gpu" else set()
    wanted -= {"VOICE_REVOCATIONS"} if name == "certify" else set()  # it writes none

    assert set(environment(name)) == wanted


@each_pod
def test_a_variable_is_composes_value_or_the_operators_setting(name: str) -> None:
    """What compose writes out is written here; what it takes from .env is taken from the ConfigMap `settings`, and as needed."""
    asked: dict[str, Any] = service_of(name).get("environment", {})
    for variable, given in environment(name).items():
        reference = given.get("valueFrom", {}).get("configMapKeyRef")
        if reference is None:
            assert variable in DECIDED or given["value"] == str(asked[variable])
            continue
        assert (reference["name"], reference["key"]) == ("settings", variable)
        is_needed = variable == "VOICE_STORE" or ":?" in str(asked.get(variable, ""))
        assert reference.get("optional", False) is not is_needed


DECIDED = {"VOICE_CACHE_BYTES", "VOICE_COPIES_BYTES", "VOICE_DRAIN_SECONDS", "VOICE_HOST", "NVIDIA_DRIVER_CAPABILITIES"}
"""What hangs together with the pod's own disks, grace and node."""


@each_pod
def test_an_image_is_composes_with_a_tag(name: str) -> None:
    """Of this release where it is ours; compose's tag where it is others'."""
    image = service_of(name)["image"]
    image = re.sub(r"\$\{\w+:-(.*)\}", r"\1", image)

    assert container_of(name)["image"] == (image if ":" in image else f"{image}:{VERSION}")


def test_redis_asks_for_its_password() -> None:
    """It begins as in compose: the password stands in no list of processes, and the server is process 1."""
    container, [script] = container_of("redis"), SERVICES["redis"]["command"]

    assert container["command"] == SERVICES["redis"]["entrypoint"]
    assert container["args"] == [script.replace("$$", "$")]


@each_pod
def test_what_runs_once_does_as_in_compose(name: str) -> None:
    """The same command; `certify` says its certificate, since it may write nothing that others read."""
    wanted, given = service_of(name).get("command", []), container_of(name).get("command", [])
    if name == "certify":
        assert wanted[:-1] == [*shlex.split(given[2].partition(" --out ")[0]), "--out"]
    elif name == "migrate":
        assert given == [*service_of(name)["entrypoint"], *wanted]
    elif name not in {"redis", "postgres"}:
        assert given == wanted


def _check_of(name: str) -> tuple[list[str], dict[str, float]]:
    """The health check of a pod's service, compose's or its image's: what is run, and seconds and times."""
    service = service_of(name)
    if "healthcheck" in service:
        kind, *words = service["healthcheck"]["test"]
        command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
        told = {key.replace("_", "-"): str(value) for key, value in service["healthcheck"].items() if key != "test"}
    else:
        stages = re.split(r"^FROM \S+ AS ", (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
        [stage] = [each for each in stages if each.split()[0] == service["build"]["target"]]
        [(options, command)] = re.findall(r"^HEALTHCHECK (.*) CMD (.*)$", stage, re.MULTILINE)
        command, told = json.loads(command), dict(option.removeprefix("--").split("=") for option in options.split())
    words = [word.replace("$$", "$") for word in command]  # compose takes one dollar of two away, Kubernetes none
    return words, {key: float(value.removesuffix("s")) for key, value in told.items()}


RUNS = [name for name in PODS if not service_of(name).get("healthcheck", {}).get("disable", False)]


def test_what_runs_once_is_not_asked_how_it_is() -> None:
    """As in compose."""
    assert {name for name in PODS if set(PROBES) & set(container_of(name))} == set(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_a_pod_is_asked_how_it_is_as_its_image_says(name: str) -> None:
    """By the health check of its image, or of compose, as patiently at least; that an API is ready is asked of its own port."""
    container, (words, told) = container_of(name), _check_of(name)
    probes = {kind: container[kind] for kind in PROBES if kind in container}
    by_http = {kind: probe.pop("httpGet") for kind, probe in copy.deepcopy(probes).items() if "httpGet" in probe}

    assert by_http == ({"readinessProbe": {"path": "/healthz", "port": "http"}} if name == "api" else {})
    for kind, probe in probes.items():
        assert kind in by_http or probe["exec"]["command"] == words
        lasts = probe["periodSeconds"] * probe["failureThreshold"]
        if kind == "livenessProbe":  # its end is the pod's
            assert (lasts >= told["interval"] * told["retries"], probe["timeoutSeconds"] >= told["timeout"]) == (True, True)
        if kind == "startupProbe":
            assert lasts >= told["start-period"]
    assert ("livenessProbe" in probes) is not name.startswith("worker")


@each_pod
def test_a_pods_disks_are_where_compose_has_them(name: str) -> None:
    """Volumes at the same places, written by the same; evidence is in storage, and `certify` says its certificate."""
    volumes = [(*each.removesuffix(":ro").rpartition(":"), each.endswith(":ro")) for each in service_of(name).get("volumes", [])]
    wanted = {place: only_read for volume, _, place, only_read in volumes if volume in COMPOSES_VOLUMES - {"store"}}
    wanted = {} if name == "certify" else wanted
    own = {"/tmp", "/run/secrets", "/run/postgresql", "/dev/shm", *(place for _, _, place, _ in volumes if "wallets" in place)}
    mounts = container_of(name)["volumeMounts"]

    assert {each["mountPath"]: each.get("readOnly", False) for each in mounts if each["mountPath"] not in own} == wanted
    assert not [each for each in mounts if "subPath" in each]
    modes = [
        each["secret" if "secret" in each else "projected"].get("defaultMode")
        for each in spec_of(name)["volumes"]
        if {"secret", "projected"} & set(each)
    ]
    assert set(modes) <= {0o400}


def test_a_service_leads_to_the_port_of_its_pods() -> None:
    """Inside the cluster alone, and to whom its name says."""
    ports = {"api": 8000, "postgres": 5432, "redis": 6379}
    services = {name: each["spec"] for (kind, name), each in EVERY.items() if kind == "Service"}

    assert set(services) == set(ports)
    for name, port in ports.items():
        [(label, number)] = [
            (each["name"], each["containerPort"]) for each in container_of(name)["ports"] if each["name"] != "metrics"
        ]
        assert number == port
        assert services[name] == {"selector": {"app": name}, "ports": [{"name": label, "port": port, "targetPort": label}]}


@pytest.mark.parametrize("name", ["worker", "worker-gpu"])
def test_an_outage_of_redis_ends_no_evaluation(name: str) -> None:
    """A worker's check asks Redis, so it may make a pod look unready, and never ends it."""
    assert "livenessProbe" not in container_of(name)
    assert container_of(name)["readinessProbe"]["exec"]["command"][-1] == "worker"


@pytest.mark.parametrize("name", ["worker", "worker-gpu"])
def test_a_worker_is_given_the_time_that_it_takes_to_drain(name: str) -> None:
    """Longer than an evaluation may go on after the worker was asked to stop; and it needs no second place beside the old one."""
    assert spec_of(name)["terminationGracePeriodSeconds"] > float(environment(name)["VOICE_DRAIN_SECONDS"]["value"])
    assert PODS[name]["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


@pytest.mark.parametrize("name", ["worker", "worker-gpu"])
def test_a_workers_disk_holds_what_it_keeps(name: str) -> None:
    """The volume is larger than what may be kept, and the node promises it."""
    [models] = [each["emptyDir"] for each in spec_of(name)["volumes"] if each["name"] == "models"]
    resources, kept = container_of(name)["resources"], int(environment(name)["VOICE_CACHE_BYTES"]["value"])

    assert int(models["sizeLimit"].removesuffix("Gi")) << 30 > kept
    assert resources["requests"]["ephemeral-storage"] == models["sizeLimit"]


def test_a_worker_on_cards_is_a_worker() -> None:
    """With a card, the queue of cards, more memory, and nodes that have one; in all else it is the other."""
    worker, on_cards = spec_of("worker"), spec_of("worker-gpu")
    own = environment("worker-gpu").keys() - environment("worker").keys()

    assert container_of("worker-gpu")["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert (own, environment("worker-gpu")["VOICE_QUEUE"]["value"]) == ({"NVIDIA_DRIVER_CAPABILITIES"}, "gpu")
    assert {key for key in on_cards if on_cards[key] != worker.get(key)} == {"containers", "nodeSelector", "tolerations"}
    changed = {key for key, value in container_of("worker-gpu").items() if value != container_of("worker")[key]}
    assert changed == {"name", "image", "env", "resources"}


def test_who_exists_once_is_replaced_and_not_doubled() -> None:
    """Two validators would set weights with one hotkey, and two pods would share a disk: a new one waits for the old one's end."""
    once = {"validator", "model-queue", "backup", "redis"}

    assert {name: (PODS[name]["spec"]["replicas"], PODS[name]["spec"]["strategy"]["type"]) for name in once} == dict.fromkeys(
        once, (1, "Recreate")
    )
    assert EVERY["StatefulSet", "postgres"]["spec"]["replicas"] == 1


def test_whoever_is_described_runs() -> None:
    """At least one of each, and a Deployment is over the pods that it makes."""
    kept = {name: each["spec"] for name, each in PODS.items() if each["kind"] in {"Deployment", "StatefulSet"}}

    assert min(spec["replicas"] for spec in kept.values()) == 1
    assert {name: spec["selector"] for name, spec in kept.items()} == {name: {"matchLabels": {"app": name}} for name in kept}
    assert {name: spec["template"]["metadata"]["labels"]["app"] for name, spec in kept.items()} == {name: name for name in kept}


def test_who_is_many_is_on_several_nodes() -> None:
    """Where there are several: a node that dies takes one of them."""
    many = {name for name, each in PODS.items() if each["spec"].get("replicas", 1) > 1}
    spread = {
        name: [each["labelSelector"]["matchLabels"]["app"] for each in spec_of(name).get("topologySpreadConstraints", [])]
        for name in PODS
    }

    assert (
        {name: over for name, over in spread.items() if over}
        == {name: [name] for name in many}
        == {"api": ["api"], "dispatcher": ["dispatcher"]}
    )


def test_a_node_can_always_be_emptied() -> None:
    """Whatever is many goes one by one; nothing that exists once holds a node up."""
    budgets = {name: each["spec"] for (kind, name), each in EVERY.items() if kind == "PodDisruptionBudget"}

    assert set(budgets) == {"api", "dispatcher", "worker", "worker-gpu"}
    assert budgets == {name: {"maxUnavailable": 1, "selector": {"matchLabels": {"app": name}}} for name in budgets}


def test_an_overlay_changes_little() -> None:
    """One adds a worker on a card, one an autoscaler, and one takes the database out."""
    base = {(each["kind"], each["metadata"]["name"]) for each in BASE}
    names = {overlay: {(each["kind"], each["metadata"]["name"]) for each in objects} for overlay, objects in RENDERED.items()}

    assert names["overlays/one-gpu"] - base == {("Deployment", "worker-gpu"), ("PodDisruptionBudget", "worker-gpu")}
    assert names["overlays/autoscaled"] - base == {("HorizontalPodAutoscaler", "worker")}
    assert base - names["overlays/external-postgres"] == {
        ("StatefulSet", "postgres"),
        ("Service", "postgres"),
        ("NetworkPolicy", "database-servers"),
    }
    assert all(base <= each for overlay, each in names.items() if overlay != "overlays/external-postgres")


@pytest.mark.parametrize("overlay", RENDERED)
def test_no_object_stands_twice(overlay: str) -> None:
    """In no overlay, and each but the namespace is in it."""
    objects = RENDERED[overlay]

    assert len({(each["kind"], each["metadata"]["name"]) for each in objects}) == len(objects)
    assert {each["metadata"].get("namespace") for each in objects if each["kind"] != "Namespace"} == {"voice-subnet"}
