"""The part of `make compose-check` that has two hosts: another project, on a network of its own, comes in by the door's published ports.

It is another host in all but the machine: it has nothing of the main host but what `docker/hosts.py pack` wrote into one file.
"""

import json
import shlex
import socket
import sys
from collections.abc import Mapping
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path

import httpx
import yaml
from stack import FILES, PROJECT, ROOT, CheckFailed, Engine, Stack, console, execute, until
from stand_ins import build_lines, is_had

from neurons.localnet.services import pick_port

HOST = "far"
BUCKET = "evidence"
OVERLAY = (*FILES, "docker/compose.hosts.yml", "docker/compose.hosts.check.yml")
FAR_FILES = ("compose.worker.yml", "docker/compose.worker.check.yml")
_NONE = "none"
"""The profile of services that start without one."""
_DOOR, _STORAGE = "voice-check/haproxy", "voice-check/storage"
_DOOR_LINES = (
    "RUN apt-get update && apt-get install --yes --no-install-recommends haproxy",
    "RUN ln -s /usr/sbin/haproxy /usr/local/bin/haproxy",
)
_SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/s3/aws4_request"}
_DOOR_SECONDS, _JUDGED_SECONDS, _SERVED_SECONDS = 60.0, 240.0, 60.0
_JUDGED = """
select s.pcm_sha256 from evaluations e join samples s on s.evaluation_id = e.id where e.host = :'host' and e.state = 'scored'
limit 1
"""
_DRAINING = "select count(*) from workers where host = :'host' and draining"


def two_hosts(engine: Engine, flags: list[str], environment: Mapping[str, str], data: Path) -> tuple[Stack, ...]:
    """The main host with its door, and another host, of which nothing is started; none where there are no images for them."""
    address, port = _address(), pick_port(None)
    shared = {
        "VOICE_CHECK": str(data),
        "VOICE_STORE": f"s3://{BUCKET}/store",
        "VOICE_STORE_ENDPOINT": f"http://{address}:{port}",
        "VOICE_COMPETITION": environment["VOICE_COMPETITION"],
        "VOICE_RETRY_FIRST_SECONDS": "5",
        "VOICE_WORKER_MEMORY": "4g",
        "HF_ENDPOINT": "http://hub:8090",
    }
    try:
        build_lines(engine, flags, _STORAGE, f"RUN pip install --no-cache-dir 'moto[server]=={version('moto')}'")
        images = {"VOICE_CHECK_DOOR": _door_image(engine, flags), "VOICE_CHECK_STORAGE": _STORAGE}
    except CheckFailed as failure:
        console.print(
            f"there is no image of a door or of a storage, so a second host is left out: {str(failure).splitlines()[-1]}"
        )
        return ()
    main = {**environment, **shared, **images, "VOICE_DOOR": address, "VOICE_CHECK_STORAGE_PORT": str(port)}
    far = {**shared, "VOICE_HOST": HOST, "VOICE_SECRETS": str(data / "there")}
    return Stack(engine, main, files=OVERLAY), Stack(engine, far, project=f"{PROJECT}-{HOST}", files=FAR_FILES)


def _door_image(engine: Engine, flags: list[str]) -> str:
    """The file's own, or where that cannot be had Debian's program."""
    image: str = yaml.safe_load((ROOT / "docker" / "compose.hosts.yml").read_text(encoding="utf-8"))["services"]["door"]["image"]
    if is_had(engine, flags, image):
        return image
    build_lines(engine, flags, _DOOR, *_DOOR_LINES)
    console.print(f"{image} is not here: the door is Debian's program, in {_DOOR}")
    return _DOOR


def _address() -> str:
    """This machine's own address, which containers of any network reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent
        return str(probe.getsockname()[0])


def check_second_host(hosts: tuple[Stack, ...], data: Path, url: str, users: tuple[str, ...]) -> None:
    """Let another host in, let it judge alone, drain it, and shut it out; raises CheckFailed."""
    main, far = hosts
    _let_in(main, data, users)
    _stop_workers(main)
    far.up()
    console.print(f"up beside it: {', '.join(far.containers())}")
    until(f"the host {HOST} judged a model", _JUDGED_SECONDS, lambda: bool(_sample(main)))
    sample = _sample(main)
    main.up("--force-recreate", "api")  # which has the storage in place of the volume now
    until("the API gives its sound from the storage", _SERVED_SECONDS, lambda: _serves(url, sample))
    _drain(main, far, data, url)
    _shut_out(main, far, data, users)


def _let_in(main: Stack, data: Path, users: tuple[str, ...]) -> None:
    """As docs/operations.md has it: certificates and keys, the storage's keys, the login, the service key's certificate, one file."""
    for name in ("voice_store_access_key", "voice_store_secret_key"):
        (data / "secrets" / name).write_text("any", encoding="ascii")
    own = ("--folder", str(data / "secrets"), *users)
    _hosts("add", HOST, "--main", main.environment["VOICE_DOOR"], *own)
    main.up("--force-recreate", "redis")  # which knows the other hosts' user now; what was in it comes again
    main.up("storage", "door")
    until("the storage answers", _DOOR_SECONDS, lambda: _makes_bucket(main.environment["VOICE_STORE_ENDPOINT"]))
    main.run("migrate", "voice db logins /hosts/*/database_url", profile=_NONE)
    key = f"/hosts/{HOST}/host/service_key"
    signing = ("voice", "validator", "certify", "--key", key, "--host", HOST, "--out", f"/hosts/{HOST}/host/service.cert.json")
    main.run("certify", *signing, profile=_NONE)
    _hosts("pack", HOST, "--out", str(data / f"{HOST}.tar"), *own)
    _hosts("unpack", str(data / f"{HOST}.tar"), "--folder", str(data / "there"), *users)


def _hosts(*arguments: str) -> None:
    execute((sys.executable, "docker/hosts.py", *arguments))


def _makes_bucket(endpoint: str) -> bool:
    try:
        return httpx.put(f"{endpoint}/{BUCKET}", headers=_SIGNED, timeout=5.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _stop_workers(main: Stack) -> None:
    """The main host's: all work is the other host's now."""
    names = [name for name in main.containers() if "worker" in name]
    execute((main.engine.name, "stop", "-t", "90", *names), main.environment)


def _sample(main: Stack) -> str:
    """The hash of a sound of an evaluation that the other host judged; '' for none."""
    return _asked(main, _JUDGED)


def _asked(main: Stack, query: str) -> str:
    """What PostgreSQL answers to a query about the other host."""
    told = f"echo {shlex.quote(query)} | psql --username voice --dbname voice --tuples-only --no-align --set host={HOST}"
    return main.execute_in(main.one("postgres"), "sh", "-c", told).strip()


def _serves(url: str, sample: str) -> bool:
    try:
        answer = httpx.get(f"{url}/v1/samples/{sample}", timeout=10.0, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == HTTPStatus.OK and answer.content.startswith(b"fLaC")


def _drain(main: Stack, far: Stack, data: Path, url: str) -> None:
    """An operator drains the host, whose worker shows that it heard; then it is asked to stop, and ends well."""
    order = (
        "operator",
        "drain",
        HOST,
        "--reason",
        "the check ends",
        "--wallet",
        "validator",
        "--wallet-path",
        str(data / "wallets"),
    )
    signed = {"VOICE_API_URL": url, "VOICE_API_HOTKEY": main.environment["VOICE_API_HOTKEY"], "BT_NETWORK": "dev"}
    execute((sys.executable, "-m", "neurons.cli", *order), signed)
    until(f"the host {HOST} drains", _DOOR_SECONDS, lambda: _asked(main, _DRAINING) == "1")
    worker = far.one("worker")
    execute((far.engine.name, "stop", "-t", "90", worker), far.environment)
    status = execute((far.engine.name, "inspect", "--format", "{{.State.ExitCode}}", worker), far.environment).strip()
    if status != "0":
        raise CheckFailed(f"{worker} was drained, asked to stop, and ended with {status}")
    console.print(f"{worker} ended by itself")


def _shut_out(main: Stack, far: Stack, data: Path, users: tuple[str, ...]) -> None:
    """With its certificate revoked, and the door started again, the host's doctor says why it is not let in."""
    _hosts("revoke", HOST, "--folder", str(data / "secrets"), *users)
    execute((main.engine.name, "restart", "-t", "5", main.one("door")), main.environment)
    printed = far.run("worker", "sh", "-c", "voice doctor worker --json || true", profile=_NONE)
    rows = {row["check"]: row["value"] for row in json.loads(printed)["findings"]}
    for check in ("database", "redis"):
        if "this host's certificate was revoked" not in rows[check]:
            raise CheckFailed(f"the doctor of {HOST}, which was shut out, says of {check}: {rows[check]}")
    console.print(f"{HOST} is shut out, and its doctor says why: {rows['database']}")
