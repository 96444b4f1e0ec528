"""docker/hosts.py: what a host is given, what it is not, and how that comes to it and is taken back."""

import importlib
import io
import re
import stat
import sys
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which
from types import ModuleType
from urllib.parse import urlsplit

import pytest

from tests.builders.door import MISSING, hosts_script
from voice_api import tls
from voice_api.db.roles import Login
from voice_api.keys import ServiceKey

pytestmark = pytest.mark.skipif(which("openssl") is None, reason=MISSING)

FOLDER = Path(__file__).resolve().parents[2] / "docker"


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docker/hosts.py as a module."""
    monkeypatch.syspath_prepend(FOLDER)
    for name in ("hosts", "make_secrets"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("hosts")


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A main host's secrets, as far as another host's are made of them."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "redis_password").write_text("of-redis", encoding="ascii")
    (folder / "voice_store_access_key").write_text("access", encoding="ascii")
    return folder


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_host_is_given_what_it_needs_and_no_more(secrets: Path) -> None:
    """A login, a certificate, a service key and a key of the storage of its own; neither the authority's key nor any wallet."""
    hosts_script("add", "gpu-07", "--main", "main.example.org", folder=secrets)
    place = secrets / "hosts" / "gpu-07"

    own = ["ca.crt", "host.crt", "host.key", "service_key"]
    assert _files(place) == ["database_url", *(f"host/{name}" for name in own), "redis_url", "voice_store_access_key"]
    url = (place / "database_url").read_text(encoding="ascii")
    assert Login.of(url).name == "worker-gpu-07"
    assert "@main.example.org:5433/voice?sslmode=verify-full&sslnegotiation=direct&sslrootcert=/host/ca.crt" in url
    redis = (place / "redis_url").read_text(encoding="ascii")
    assert re.match(r"rediss://hosts:[0-9a-f]{64}@main.example.org:6380/0\?ssl_ca_certs=/host/ca.crt&", redis)
    assert urlsplit(redis).password == (secrets / "redis_hosts_password").read_text(encoding="ascii")
    assert ServiceKey.read(place / "host" / "service_key").address
    assert _files(secrets / "door") == ["ca.crl", "ca.crt", "door.pem"]
    assert stat.S_IMODE((secrets / "authority").stat().st_mode) == 0o700
    assert stat.S_IMODE((secrets / "authority" / "ca.key").stat().st_mode) == 0o600
    shared = [*(secrets / "hosts").rglob("*"), *(secrets / "door").rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o007 for path in shared} == {0}


def test_a_second_run_changes_nothing_but_what_was_deleted(secrets: Path) -> None:
    """The other files of a host stay when its certificate is renewed; other hosts have other passwords and keys."""
    for name in ("gpu-07", "cpu-1"):
        hosts_script("add", name, "--main", "10.0.0.7", folder=secrets)
    before = {file: (secrets / file).read_text(encoding="utf-8") for file in _files(secrets)}
    hosts_script("add", "gpu-07", "--main", "10.0.0.7", folder=secrets)
    again = {file: (secrets / file).read_text(encoding="utf-8") for file in _files(secrets)}
    changed = {file for file in again if before.get(file) != again[file]}
    assert changed <= {"door/ca.crl", "authority/crlnumber", "authority/crlnumber.old"}  # the list is signed anew

    (secrets / "hosts" / "gpu-07" / "host" / "host.crt").unlink()
    hosts_script("add", "gpu-07", "--main", "10.0.0.7", folder=secrets)
    renewed = {
        file: (secrets / file).read_text(encoding="utf-8")
        for file in _files(secrets / "hosts" / "gpu-07")
        for file in [f"hosts/gpu-07/{file}"]
    }
    assert {file for file in renewed if renewed[file] != before[file]} == {
        f"hosts/gpu-07/host/host.{part}" for part in ("crt", "key")
    }
    for file in ("database_url", "host/service_key", "host/host.key"):
        assert before[f"hosts/gpu-07/{file}"] != before[f"hosts/cpu-1/{file}"]


def test_a_certificate_ends_when_it_says(hosts: ModuleType, secrets: Path) -> None:
    """As the doctor reads it, also beyond 2049, when dates are written in another way."""
    for name, days in (("soon", 30), ("late", 9999)):
        hosts.add(secrets, name, "m", hosts.Readers(), days)
        left = tls.ends(secrets / "hosts" / name / "host" / "host.crt") - datetime.now(UTC)
        assert timedelta(days=days) - timedelta(minutes=1) < left <= timedelta(days=days)


def test_what_is_packed_comes_out_on_the_other_host(secrets: Path, tmp_path: Path) -> None:
    """Once the service key is certified; as files that nobody else may read, and the host is told its name."""
    hosts_script("add", "gpu-07", "--main", "main.example.org", folder=secrets)
    (secrets / "hosts" / "gpu-07" / "host" / "service.cert.json").write_text("{}", encoding="ascii")
    hosts_script("pack", "gpu-07", "--out", str(tmp_path / "gpu-07.tar"), folder=secrets)
    assert stat.S_IMODE((tmp_path / "gpu-07.tar").stat().st_mode) == 0o600

    for _ in range(2):  # the second time in place of the first
        said = hosts_script("unpack", str(tmp_path / "gpu-07.tar"), folder=tmp_path / "there")
    assert said.endswith("In .env:\nVOICE_HOST=gpu-07\n")
    assert _files(tmp_path / "there") == _files(secrets / "hosts" / "gpu-07")
    assert (tmp_path / "there" / "database_url").read_text() == (secrets / "hosts" / "gpu-07" / "database_url").read_text()
    assert {stat.S_IMODE(path.stat().st_mode) & 0o007 for path in (tmp_path / "there").rglob("*")} == {0}


def test_a_file_that_somebody_else_packed_writes_nothing_elsewhere(hosts: ModuleType, tmp_path: Path) -> None:
    """A path that leads out of the folder, or a link, and nothing of it is written."""
    for member in (tarfile.TarInfo("../escaped"), tarfile.TarInfo("host")):
        member.type = tarfile.SYMTYPE if member.name == "host" else tarfile.REGTYPE
        member.linkname = "/etc"
        with tarfile.open(tmp_path / "bad.tar", "w") as packed:
            packed.addfile(tarfile.TarInfo("database_url"), io.BytesIO(b""))
            packed.addfile(member, io.BytesIO(b""))
        with pytest.raises(hosts.HostsError, match="nothing is trusted of it"):
            hosts.unpack(tmp_path / "bad.tar", tmp_path / "there", hosts.Readers())
        assert _files(tmp_path / "there") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("add", "GPU 7", "--main", "m"), "is no name of a host here: small letters", id="name"),
        pytest.param(("add", "cpu-1", "--main", "https://m.example.org"), "without scheme and port", id="a URL"),
        pytest.param(("add", "cpu-1", "--main", "m.example.org:5433"), "without scheme and port", id="a port"),
        pytest.param(("add", "cpu-1", "--main", "10.0.0.300"), "is no name and no address", id="no address"),
        pytest.param(("add", "cpu-1", "--main", "m", "--days=-1"), "holds for 0 to 36500 days", id="no days"),
        pytest.param(("unpack", "none.tar"), "There is no file none.tar: `hosts.py pack NAME` makes it", id="nothing to unpack"),
        pytest.param(("unpack", __file__), "is nothing that `hosts.py pack` writes", id="another file"),
        pytest.param(("revoke", "gpu-07"), "No host gpu-07 was ever added", id="nobody"),
        pytest.param(("pack", "gpu-07"), r"`hosts.py add gpu-07` makes it", id="not added"),
    ],
)
def test_what_is_missing_is_said(
    hosts: ModuleType, secrets: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    """In one sentence, with the status of a failure."""
    monkeypatch.setattr(sys, "argv", ["hosts.py", *arguments, "--folder", str(secrets)])
    with pytest.raises(SystemExit, match=said):
        hosts.main()


def test_the_door_has_one_name(hosts: ModuleType, secrets: Path) -> None:
    """A host that is told another one would trust no door; which it is stays, as a name or as an address."""
    for main, other in (("m.example.org", "n.example.org"), ("fd00::7", "fd00::8")):
        hosts.add(secrets, "cpu-1", main, hosts.Readers(), 30)
        hosts.add(secrets, "cpu-2", main, hosts.Readers(), 30)
        with pytest.raises(hosts.HostsError, match=f"is for another name than {other}: say --main as before"):
            hosts.add(secrets, "cpu-3", other, hosts.Readers(), 30)
        assert not (secrets / "hosts" / "cpu-3").exists()
        (secrets / "door" / "door.pem").unlink()


def test_the_main_hosts_own_secrets_are_not_written_over(hosts: ModuleType, secrets: Path, tmp_path: Path) -> None:
    """What is packed has a `database_url` as well, which is the owner's there."""
    hosts.add(secrets, "cpu-1", "m", hosts.Readers(), 30)
    (secrets / "hosts" / "cpu-1" / "host" / "service.cert.json").write_text("{}", encoding="ascii")
    (secrets / "database_url").write_text("the owner's", encoding="ascii")
    hosts.pack(secrets, "cpu-1", tmp_path / "cpu-1.tar")
    with pytest.raises(hosts.HostsError, match=r"is the main host's: unpack .* on the host that it is for"):
        hosts.unpack(tmp_path / "cpu-1.tar", secrets, hosts.Readers())
    assert (secrets / "database_url").read_text(encoding="ascii") == "the owner's"


def test_a_host_without_a_certified_service_key_is_not_packed(hosts: ModuleType, secrets: Path, tmp_path: Path) -> None:
    """Its receipts would count nowhere, and its worker would end."""
    hosts.add(secrets, "cpu-1", "m", hosts.Readers(), 30)
    with pytest.raises(hosts.HostsError, match="how the validator certifies the host's service key"):
        hosts.pack(secrets, "cpu-1", tmp_path / "cpu-1.tar")


def test_a_host_that_was_renewed_is_shut_out_by_both_certificates(hosts: ModuleType, secrets: Path) -> None:
    """The one before holds as long as it did: whoever has it could come in by it."""
    for _ in range(2):
        (secrets / "hosts" / "a" / "host" / "host.crt").unlink(missing_ok=True)
        hosts.add(secrets, "a", "m", hosts.Readers(), 30)
    hosts.revoke(secrets, "a", hosts.Readers())
    listed = (secrets / "authority" / "index.txt").read_text(encoding="ascii").splitlines()
    assert [line.split("\t")[0] for line in listed] == ["R", "R"]


def test_revoking_forgets_the_host_and_may_be_said_again_for_another(hosts: ModuleType, secrets: Path) -> None:
    """The list grows; what is on it stays."""
    sizes = []
    for name in ("a", "b"):
        hosts.add(secrets, name, "m", hosts.Readers(), 30)
        hosts.revoke(secrets, name, hosts.Readers())
        sizes.append(len((secrets / "door" / "ca.crl").read_text(encoding="ascii")))
        assert not (secrets / "hosts" / name).exists()
    assert sizes[0] < sizes[1]
