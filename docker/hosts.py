"""Let workers of another host in: certificates of an authority of one's own, a login, a service key. Needs Python and `openssl`.

On the main host `add NAME` makes what host NAME needs, in `hosts/NAME` of the folder that docker/make_secrets.py made, and `door`, which
the door (docker/compose.hosts.yml) reads: its own certificate, the authority's, and the list of revoked ones. `pack NAME` writes all that
the host needs into one file, `unpack FILE` puts it where compose.worker.yml reads it, and `revoke NAME` shuts the host out. What exists is
kept: to renew a host's certificate delete `hosts/NAME/host/host.crt`, to renew the door's `door/door.pem`, and `add` again.
"""

import argparse
import ipaddress
import os
import re
import secrets
import shutil
import sys
import tarfile
from pathlib import Path
from urllib.parse import urlsplit

from authority import AUTHORITY_DAYS, Authority, HostsError
from make_secrets import SUBNET, NoAccessLists, Readers

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
_MAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_MOST_DAYS = 36_500
_BYTES = 32
_PORTS = (5433, 6380)
"""The door's, for PostgreSQL and for Redis."""
_INSIDE = "/host"
"""Where a worker's container sees `host`."""
_STORE_KEYS = ("voice_store_access_key", "voice_store_secret_key")


def add(folder: Path, name: str, main: str, readers: Readers, days: int) -> None:
    """Make what a host needs, where it is missing, and what the door reads."""
    _checked(name)
    _checked_main(main)
    if not 0 <= days <= _MOST_DAYS:
        raise HostsError(f"--days {days}: a certificate holds for 0 to {_MOST_DAYS} days.")
    _read(folder / "redis_password", "docker/make_secrets.py makes it")
    redis = folder / "redis_hosts_password"
    if not redis.exists():
        _write(redis, secrets.token_hex(_BYTES))
    readers.let_in(redis, SUBNET)
    authority = Authority(folder / "authority")
    authority.ensure()
    _open_door(authority, folder / "door", main, readers)
    place = folder / "hosts" / name
    (place / "host").mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (place / "host" / "host.crt").exists():
        key, certificate = authority.sign("host", name, days)
        authority.keep(name, certificate)
        _write(place / "host" / "host.key", key)
        _write(place / "host" / "host.crt", certificate)
    _write(place / "host" / "ca.crt", (authority.folder / "ca.crt").read_text(encoding="ascii"))
    for file, text in (
        ("host/service_key", secrets.token_hex(_BYTES)),
        *_urls(name, main, secrets.token_hex(_BYTES), redis.read_text(encoding="ascii")),
    ):
        if not (place / file).exists():
            _write(place / file, text)
    for by_hand in (folder / key for key in _STORE_KEYS if (folder / key).exists()):
        readers.let_in(by_hand, SUBNET)
        _write(place / by_hand.name, by_hand.read_text(encoding="utf-8"))
    for path in (place, *place.rglob("*")):
        readers.let_in(path, SUBNET)
    readers.let_in(place / "host", SUBNET, writes=True)  # the service key's certificate is put there by a container
    readers.let_in(folder / "hosts", SUBNET)


def _urls(name: str, main: str, password: str, redis: str) -> tuple[tuple[str, str], ...]:
    """The URLs of a host's login, and of Redis, by way of the door."""
    at = f"[{main}]" if ":" in main else main
    tls = f"sslmode=verify-full&sslnegotiation=direct&sslrootcert={_INSIDE}/ca.crt&sslcert={_INSIDE}/host.crt&sslkey={_INSIDE}/host.key"
    files = f"ssl_ca_certs={_INSIDE}/ca.crt&ssl_certfile={_INSIDE}/host.crt&ssl_keyfile={_INSIDE}/host.key"
    return (
        ("database_url", f"postgresql://worker-{name}:{password}@{at}:{_PORTS[0]}/voice?{tls}"),
        ("redis_url", f"rediss://hosts:{redis}@{at}:{_PORTS[1]}/0?{files}"),
    )


def _open_door(authority: Authority, door: Path, main: str, readers: Readers) -> None:
    door.mkdir(mode=0o700, exist_ok=True)
    is_address = _is_address(main)
    if not (door / "door.pem").exists():
        kind = "IP" if is_address else "DNS"
        _write(door / "door.pem", "".join(authority.sign("door", main, AUTHORITY_DAYS, f"{kind}:{main}")))
    elif not authority.is_for(door / "door.pem", main, is_address=is_address):
        why = f"The door's certificate is for another name than {main}: say --main as before"
        raise HostsError(f"{why}, or delete {door / 'door.pem'} and {door.parent / 'hosts'}, and add every host again.")
    _write(door / "ca.crt", (authority.folder / "ca.crt").read_text(encoding="ascii"))
    _write(door / "ca.crl", authority.revoked())
    for path in (door, *door.iterdir()):
        readers.let_in(path, SUBNET)


def revoke(folder: Path, name: str, readers: Readers) -> None:
    """Put each certificate that a host ever had on the door's list, and forget what was made for it."""
    _checked(name)
    place, authority = folder / "hosts" / name, Authority(folder / "authority")
    issued = authority.issued(name)
    if not issued:
        raise HostsError(f"No host {name} was ever added to {folder}.")
    for certificate in issued:
        authority.revoke(certificate)
    _write(folder / "door" / "ca.crl", authority.revoked())
    readers.let_in(folder / "door" / "ca.crl", SUBNET)
    shutil.rmtree(place, ignore_errors=True)


def pack(folder: Path, name: str, out: Path) -> None:
    """Write all that a host needs into one file, which whoever runs this alone may read."""
    _checked(name)
    place = folder / "hosts" / name
    for file in ("database_url", "host/host.crt"):
        _read(place / file, f"`hosts.py add {name}` makes it")
    _read(place / "host" / "service.cert.json", "docs/operations.md says how the validator certifies the host's service key")
    out.unlink(missing_ok=True)
    written = os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    with written, tarfile.open(fileobj=written, mode="w") as packed:
        for path in sorted(place.rglob("*")):
            if path.is_file():
                packed.add(path, path.relative_to(place).as_posix())


def unpack(file: Path, folder: Path, readers: Readers) -> str:
    """Put a packed file's parts where compose.worker.yml reads them, in place of those of an earlier one; the host's name."""
    if (folder / "authority").exists() or (folder / "postgres_password").exists():
        raise HostsError(f"{folder} is the main host's: unpack {file} on the host that it is for, or name another --folder.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _opened(file) as packed:
        for member in packed.getmembers():
            target = folder / member.name
            if not member.isfile() or not target.resolve().is_relative_to(folder.resolve()):
                raise HostsError(f"{file} holds {member.name}, which `hosts.py pack` does not write: nothing is trusted of it.")
        for member in packed.getmembers():
            target, source = folder / member.name, packed.extractfile(member)
            target.parent.mkdir(mode=0o700, exist_ok=True)
            _write(target, source.read().decode() if source is not None else "")
    for path in (folder, folder / "host", *(path for path in folder.rglob("*") if path.is_file())):
        readers.let_in(path, None if path == folder else SUBNET)
    return str(urlsplit((folder / "database_url").read_text(encoding="ascii")).username).removeprefix("worker-")


def _opened(file: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(file)
    except FileNotFoundError as exc:
        raise HostsError(f"There is no file {file}: `hosts.py pack NAME` makes it on the main host.") from exc
    except tarfile.TarError as exc:
        raise HostsError(f"{file} is nothing that `hosts.py pack` writes: copy it here again.") from exc


def _checked(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise HostsError(f"{name!r} is no name of a host here: small letters, digits and dashes within, 40 at most.")


def _checked_main(main: str) -> None:
    is_name = _MAIN.fullmatch(main) is not None and not main.replace(".", "").isdigit()
    if not (is_name or _is_address(main)):
        raise HostsError(f"--main {main!r} is no name and no address: say it without scheme and port, as main.example.org.")


def _is_address(main: str) -> bool:
    try:
        ipaddress.ip_address(main)
    except ValueError:
        return False
    return True


def _read(file: Path, where_from: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        raise HostsError(f"There is no file {file}: {where_from}.") from exc


def _write(file: Path, text: str) -> None:
    """Write a file for its owner alone, all or nothing, in place of one that there may be."""
    new = file.with_name(f".new-{file.name}")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def _arguments() -> argparse.Namespace:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--folder", type=Path, default=Path("secrets"), help="where the secrets are (default: %(default)s)")
    shared.add_argument("--subuid", type=int, default=1, metavar="FIRST", help="as docker/make_secrets.py takes it")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("add", parents=[shared], help="make what a host needs")
    adding.add_argument("name", metavar="NAME", help="of the host, for VOICE_HOST")
    adding.add_argument("--main", required=True, help="the name or address by which other hosts reach this one")
    adding.add_argument("--days", type=int, default=365, help="how long the host's certificate holds (default: %(default)s)")
    packing = commands.add_parser("pack", parents=[shared], help="write it into one file")
    packing.add_argument("name", metavar="NAME")
    packing.add_argument("--out", type=Path, help="the file (default: NAME.tar)")
    unpacking = commands.add_parser("unpack", parents=[shared], help="on the other host: put it in its place")
    unpacking.add_argument("file", type=Path, metavar="FILE")
    revoking = commands.add_parser("revoke", parents=[shared], help="shut a host out")
    revoking.add_argument("name", metavar="NAME")
    return parser.parse_args()


def _do(options: argparse.Namespace) -> str:
    readers = Readers(options.subuid)
    match options.command:
        case "add":
            add(options.folder, options.name, options.main, readers, options.days)
            return (
                f"{options.folder / 'hosts' / options.name} holds what the host needs but for the certificate of its service key."
            )
        case "pack":
            out = options.out or Path(f"{options.name}.tar")
            pack(options.folder, options.name, out)
            return f"{out} is for the host {options.name} alone: it holds keys and passwords. Delete it here once it is there."
        case "unpack":
            name = unpack(options.file, options.folder, readers)
            return f"{options.folder} is ready; {options.file} may go. In .env:\nVOICE_HOST={name}"
        case _:
            revoke(options.folder, options.name, readers)
            return f"Every certificate of {options.name} is revoked: start the door again, so that it reads the list."


def main() -> None:
    """Do it, and say what was done; end with a sentence where something is missing."""
    try:
        sys.stdout.write(f"{_do(_arguments())}\n")
    except HostsError as refusal:
        sys.exit(str(refusal))
    except NoAccessLists as exc:
        why = f"{exc.filename} cannot be opened to the containers' user alone ({exc.strerror})"
        sys.exit(f"{why}. Run this as root, or name a --folder on a file system with access lists.")


if __name__ == "__main__":
    main()
