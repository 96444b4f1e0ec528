"""What the files for more than one host promise: compose.worker.yml, docker/compose.hosts.yml and docker/door.cfg."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def _read(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return loaded


MAIN, OVERLAY, HOST = (_read(name) for name in ("docker-compose.yml", "docker/compose.hosts.yml", "compose.worker.yml"))
DOOR = (ROOT / "docker" / "door.cfg").read_text(encoding="utf-8")
STORE = {"VOICE_STORE", "VOICE_STORE_ENDPOINT", "VOICE_STORE_REGION"}
KEYS = ["voice_store_access_key", "voice_store_secret_key"]
CONFINED = (
    *("read_only", "user", "cap_drop", "security_opt", "tmpfs", "restart", "image", "build", "stop_grace_period"),
    *("mem_limit", "pids_limit", "deploy", "profiles"),
)


@pytest.mark.parametrize("name", ["worker", "gpu-worker"])
def test_a_worker_of_another_host_is_confined_as_the_main_hosts_are(name: str) -> None:
    """The same image, user, limits and profile; it shows no numbers, as nobody there asks for them."""
    here, there = MAIN["services"][name], HOST["services"][name]
    assert {part: there.get(part) for part in CONFINED} == {part: here.get(part) for part in CONFINED}
    shown = {"VOICE_METRICS_HOST", "VOICE_METRICS_PORT"}
    assert set(there["environment"]) == set(here["environment"]) - shown | STORE
    own = STORE | {"VOICE_HOST", "VOICE_CERTIFICATE", "VOICE_SERVICE_KEY"}
    same = set(there["environment"]) - own
    assert {each: there["environment"][each] for each in same} == {each: here["environment"][each] for each in same}


def test_another_host_holds_no_key_of_the_chain_and_reaches_no_store_by_itself() -> None:
    """Its own login, its own certificates and service key, the storage's keys; it publishes nothing, and only goes out."""
    assert set(HOST["services"]) == {"worker", "gpu-worker"}
    for service in HOST["services"].values():
        assert service["secrets"] == ["database_url", "redis_url", *KEYS]
        assert service["volumes"] == ["models:/data", "${VOICE_SECRETS:-./secrets}/host:/host:ro"]
        assert service["networks"] == ["out"]
        assert not {"ports", "depends_on", "privileged", "network_mode", "container_name", "hostname"} & set(service)
        assert not [each for each in service["environment"] if each.startswith("BT_") or "WALLET" in each or "NETUID" in each]
    assert HOST["networks"] == {"out": {}}
    assert HOST["secrets"] == {
        name: {"file": f"${{VOICE_SECRETS:-./secrets}}/{name}"} for name in ("database_url", "redis_url", *KEYS)
    }


def test_only_the_door_is_opened_to_other_hosts() -> None:
    """PostgreSQL stays as it is, and Redis knows a user more; both unpublished: the door alone is between them and others."""
    services = OVERLAY["services"]
    assert "postgres" not in services
    assert set(services["redis"]) == {"command", "secrets"}
    assert [name for name, service in services.items() if "ports" in service] == ["door"]
    address = "${VOICE_DOOR:?name the address of this host that other hosts reach in .env}"
    assert services["door"]["ports"] == [f"{address}:5433:5433", "${VOICE_DOOR}:6380:6380"]
    assert services["door"]["networks"] == ["database", "redis", "hosts"]


def test_the_door_is_confined_and_holds_its_own_certificate_alone() -> None:
    """As every other service; it sees no password and no key of anybody else."""
    door = OVERLAY["services"]["door"]
    assert (door["read_only"], door["user"], door["cap_drop"]) == (True, "10001:10001", ["ALL"])
    assert (
        door["security_opt"] == ["no-new-privileges"] and door["mem_limit"] and door["pids_limit"] and door["healthcheck"]["test"]
    )
    assert door["volumes"] == ["./docker/door.cfg:/etc/door.cfg:ro", "${VOICE_SECRETS:-./secrets}/door:/run/door:ro"]
    assert not {"secrets", "environment"} & set(door)


def test_the_door_asks_everybody_for_a_certificate_that_was_not_revoked() -> None:
    """Both ways in; by TLS 1.2 or newer; who does not prove himself is gone in seconds."""
    binds = re.findall(r"^    bind (.*)$", DOOR, re.MULTILINE)
    assert [bind.split()[0] for bind in binds] == [":5433", ":6380"]
    for bind in binds:
        assert "ssl crt /run/door/door.pem ca-file /run/door/ca.crt crl-file /run/door/ca.crl verify required" in bind
    assert "ssl-min-ver TLSv1.2" in DOOR and "timeout client 10s" in DOOR
    assert re.findall(r"^    server main (\S+)", DOOR, re.MULTILINE) == ["postgres:5432", "redis:6379"]


def test_everybody_who_keeps_or_reads_evidence_is_given_the_storage() -> None:
    """With other hosts it cannot lie in a volume: whoever has the volume is told of the storage, and given its keys."""
    with_store = {name for name, service in MAIN["services"].items() if "VOICE_STORE" in service.get("environment", {})}
    told = {name: service for name, service in OVERLAY["services"].items() if set(service.get("environment", {})) >= STORE}
    assert set(told) == with_store
    assert all(service["secrets"] == KEYS for service in told.values())
    inside = {name for name, options in {**MAIN["networks"], **OVERLAY["networks"]}.items() if options.get("internal")}
    for name, service in told.items():
        assert {*MAIN["services"][name]["networks"], *service.get("networks", [])} - inside, f"{name} cannot reach the storage"


def test_redis_is_started_as_ever_but_for_a_user_of_other_hosts() -> None:
    """Who has a password of his own, and RQ's keys alone; the file in memory, and the server as process 1, are as they were."""
    [before], [after] = MAIN["services"]["redis"]["command"], OVERLAY["services"]["redis"]["command"]
    own = re.search(r"user hosts on >%s (.*?)\\n' ", after)
    assert own is not None and own[1].startswith("~rq:* %%R~voice:nonce:epoch &rq:* ")
    assert "@all" not in own[1] and "-@dangerous" in own[1]
    less = after.replace(own[0].removesuffix("' "), "' ".removesuffix("' ")).replace(
        ' "$$(cat /run/secrets/redis_hosts_password)"', ""
    )
    assert less.split() == before.split()
    assert OVERLAY["services"]["redis"]["secrets"] == ["redis_hosts_password"]


def test_logins_of_hosts_are_made_with_the_others() -> None:
    """By the same commands, and then those of hosts, where there are any."""
    [before], [after] = MAIN["services"]["migrate"]["command"], OVERLAY["services"]["migrate"]["command"]
    assert after == f"{before} $$(ls /hosts/*/database_url 2>/dev/null)"
    mounts = {name: OVERLAY["services"][name]["volumes"] for name in ("migrate", "certify")}
    assert mounts == {
        "migrate": ["${VOICE_SECRETS:-./secrets}/hosts:/hosts:ro"],
        "certify": ["${VOICE_SECRETS:-./secrets}/hosts:/hosts"],
    }
