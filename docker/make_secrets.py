"""Make what the stack keeps secret: random passwords, the workers' service key, copies of the hotkeys it signs with. Needs Python only.

Each file is for one user inside the containers, and for whoever runs this: nobody else can read it. Compose mounts a file with the
owner and mode that it has on the host, whatever its `uid` and `mode` say. So root gives a file to that user; anybody else lets him in
by an access list (ACL) of the file system. The folder itself is closed to everybody but its owner (mode 700), which makes no
difference to a container: it sees only the files that are mounted for it. What exists is kept, and its rights are set anew: delete a
file to renew it.
"""

import argparse
import errno
import json
import os
import secrets
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

SUBNET, GRAFANA, ALERTMANAGER = 10001, 472, 65534
"""Users inside the containers: of our images (and of Redis), and of others'. PostgreSQL reads as its container's root, who may."""
_ACL = "system.posix_acl_access"
_ACL_VERSION = 2
_NOBODY = 0xFFFFFFFF
_OWNER, _USER, _GROUP, _MASK, _OTHERS = 0x01, 0x02, 0x04, 0x10, 0x20
_READ, _LOOK, _ALL = 4, 5, 7
_PASSWORD_BYTES = 32
_SERVICE_KEY_BYTES = 32
_OTHER_USERS = {"postgres_password": None, "grafana_password": GRAFANA}
"""Readers of files that our images do not read."""
LOGINS = ("api", "dispatcher", "worker", "validator", "backup")
"""Services that connect to the database as themselves, with the rights of their job; `voice` owns the tables and only sets them up."""


class NoAccessLists(OSError):
    """The file system takes no access list, and whoever runs this may not give a file away."""


@dataclass(frozen=True, slots=True)
class Readers:
    """Lets one user of the containers read a file or a folder, and nobody else but its owner.

    `first` is the host's number of the containers' user 1 where they have numbers of their own (rootless), and 1 where they do not;
    `is_root` is whether files can be given away.
    """

    first: int = 1
    is_root: bool = os.geteuid() == 0

    def let_in(self, path: Path, user: int | None, *, writes: bool = False) -> None:
        """Close a path to everybody but its owner and a user of the containers (None: the owner alone); raises NoAccessLists.

        That user reads it; into a folder he `writes` as well, if that is said.
        """
        is_folder = path.is_dir()
        path.chmod(0o700 if is_folder else 0o400)
        if user is None:
            return
        reader = self.first + user - 1
        if self.is_root:
            os.chown(path, reader, reader)
        elif reader != path.stat().st_uid:
            _add_reader(path, reader, _ALL if writes else _LOOK if is_folder else _READ)


def _add_reader(path: Path, user: int, rights: int) -> None:
    """Set the access list: the owner's rights stay, `user` has `rights`, everybody else none."""
    own = path.stat().st_mode >> 6 & 7
    entries = (
        (_OWNER, own, _NOBODY),
        (_USER, rights, user),
        (_GROUP, 0, _NOBODY),
        (_MASK, rights, _NOBODY),
        (_OTHERS, 0, _NOBODY),
    )
    try:
        os.setxattr(path, _ACL, struct.pack("<I", _ACL_VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in entries))
    except OSError as exc:
        if exc.errno in (errno.ENOTSUP, errno.EPERM):
            raise NoAccessLists(exc.errno, os.strerror(exc.errno), str(path)) from exc
        raise


def make_passwords(folder: Path, readers: Readers) -> None:
    """PostgreSQL's, Redis' and Grafana's passwords, and the URLs that carry them: one for the owner, one for each process."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    readers.let_in(folder, None)
    postgres = _keep(folder / "postgres_password", secrets.token_hex(_PASSWORD_BYTES))
    redis = _keep(folder / "redis_password", secrets.token_hex(_PASSWORD_BYTES))
    _keep(folder / "database_url", f"postgresql://voice:{postgres}@postgres:5432/voice")
    for login in LOGINS:
        password = secrets.token_hex(_PASSWORD_BYTES)
        _keep(folder / f"database_url_{login}", f"postgresql://{login}:{password}@postgres:5432/voice")
    _keep(folder / "redis_url", f"redis://:{redis}@redis:6379/0")
    _keep(folder / "grafana_password", secrets.token_hex(_PASSWORD_BYTES))
    for file in folder.iterdir():
        if file.is_file():
            readers.let_in(file, _OTHER_USERS.get(file.name, SUBNET))


def make_service_key(folder: Path, readers: Readers) -> None:
    """The key that the workers sign receipts with; the stack's service `certify` lets it, with the validator's hotkey."""
    _keep(folder / "service_key", secrets.token_hex(_SERVICE_KEY_BYTES))
    readers.let_in(folder / "service_key", SUBNET)


def open_alert_secrets(folder: Path, readers: Readers) -> None:
    """A folder for what Alertmanager proves itself with to those who tell people: it is filled by hand, and may stay empty."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in (folder, *folder.iterdir()):
        readers.let_in(path, ALERTMANAGER)


def copy_hotkey(wallet: Path, hotkey: str, target: Path, readers: Readers) -> str:
    """Copy a hotkey and the public part of its coldkey, never the coldkey itself; returns the hotkey's ss58 address."""
    (target / "hotkeys").mkdir(parents=True, exist_ok=True)
    _keep(target / "coldkeypub.txt", (wallet / "coldkeypub.txt").read_text(encoding="utf-8"))
    key = _keep(target / "hotkeys" / "default", (wallet / "hotkeys" / hotkey).read_text(encoding="utf-8"))
    for path in (target, *target.rglob("*")):
        readers.let_in(path, SUBNET)
    return str(json.loads(key)["ss58Address"])


def _keep(file: Path, text: str) -> str:
    """Write a file that is not there yet; what the file holds."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
    return file.read_text(encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("secrets"), help="where to put them (default: %(default)s)")
    parser.add_argument(
        "--wallet-path", type=Path, default=Path("~/.bittensor/wallets"), help="where wallets are (default: %(default)s)"
    )
    parser.add_argument("--validator", required=True, metavar="WALLET/HOTKEY", help="the hotkey that sets weights")
    parser.add_argument(
        "--subuid",
        type=int,
        default=1,
        metavar="FIRST",
        help="where containers are rootless: the first number after your name in /etc/subuid, under which their users live here",
    )
    parser.add_argument("--queue", metavar="WALLET/HOTKEY", help="the hotkey that writes to the API (default: the validator's)")
    return parser.parse_args()


def _make(options: argparse.Namespace) -> dict[str, str]:
    """Make every secret; the addresses of the hotkeys by service. Ends the program where a key file is missing."""
    readers = Readers(options.subuid)
    make_passwords(options.folder, readers)
    make_service_key(options.folder, readers)
    open_alert_secrets(options.folder / "alertmanager", readers)
    addresses = {}
    for service, name in (("validator", options.validator), ("queue", options.queue or options.validator)):
        wallet, _, hotkey = name.partition("/")
        try:
            source = options.wallet_path.expanduser() / wallet
            addresses[service] = copy_hotkey(source, hotkey or "default", options.folder / "wallets" / service, readers)
        except FileNotFoundError as exc:
            sys.exit(f"There is no key file {exc.filename}. Name --{service} as WALLET/HOTKEY, and --wallet-path.")
    return addresses


def main() -> None:
    """Make the folder, and say what belongs into .env."""
    options = _arguments()
    try:
        addresses = _make(options)
    except NoAccessLists as exc:
        why = f"{exc.filename} cannot be opened to the containers' user alone ({exc.strerror})"
        sys.exit(
            f"{why}. Run this as root, who can give the files to that user, or name a --folder on a file system with access lists."
        )
    sys.stdout.write(f"{options.folder} is ready. In .env:\nVOICE_API_HOTKEY={addresses['validator']}\n")
    sys.stdout.write(f"VOICE_API_WRITERS={addresses['queue']}\n")
    sys.stdout.write(f"VOICE_API_OPERATORS={addresses['validator']}\nVOICE_HOST={socket.gethostname()}\n")


if __name__ == "__main__":
    main()
