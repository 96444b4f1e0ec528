"""Make what the stack keeps secret: random passwords, the workers' service key, copies of the hotkeys it signs with. Needs Python only.

The folder is closed to everybody but its owner (mode 700). The files in it are readable (444), because compose mounts a file with the
mode it has on the host, and the containers run as a user whom the host does not know. What exists is kept: delete a file to renew it.
"""

import argparse
import json
import secrets
import socket
import sys
from pathlib import Path

_PASSWORD_BYTES = 32
_SERVICE_KEY_BYTES = 32
LOGINS = ("api", "dispatcher", "worker", "validator")
"""Services that connect to the database as themselves, with the rights of their job; `voice` owns the tables and only sets them up."""


def make_passwords(folder: Path) -> None:
    """PostgreSQL's, Redis' and Grafana's passwords, and the URLs that carry them: one for the owner, one for each process."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    postgres = _keep(folder / "postgres_password", secrets.token_hex(_PASSWORD_BYTES))
    redis = _keep(folder / "redis_password", secrets.token_hex(_PASSWORD_BYTES))
    _keep(folder / "database_url", f"postgresql://voice:{postgres}@postgres:5432/voice")
    for login in LOGINS:
        password = secrets.token_hex(_PASSWORD_BYTES)
        _keep(folder / f"database_url_{login}", f"postgresql://{login}:{password}@postgres:5432/voice")
    _keep(folder / "redis_url", f"redis://:{redis}@redis:6379/0")
    _keep(folder / "grafana_password", secrets.token_hex(_PASSWORD_BYTES))


def make_service_key(folder: Path) -> None:
    """The key that the workers sign receipts with; the stack's service `certify` lets it, with the validator's hotkey."""
    _keep(folder / "service_key", secrets.token_hex(_SERVICE_KEY_BYTES))


def copy_hotkey(wallet: Path, hotkey: str, target: Path) -> str:
    """Copy a hotkey and the public part of its coldkey, never the coldkey itself; returns the hotkey's ss58 address."""
    (target / "hotkeys").mkdir(parents=True, exist_ok=True)
    _keep(target / "coldkeypub.txt", (wallet / "coldkeypub.txt").read_text(encoding="utf-8"))
    key = _keep(target / "hotkeys" / "default", (wallet / "hotkeys" / hotkey).read_text(encoding="utf-8"))
    return str(json.loads(key)["ss58Address"])


def _keep(file: Path, text: str) -> str:
    """Write a file that is not there yet; what the file holds."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o444)
    return file.read_text(encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("secrets"), help="where to put them (default: %(default)s)")
    parser.add_argument(
        "--wallet-path", type=Path, default=Path("~/.bittensor/wallets"), help="where wallets are (default: %(default)s)"
    )
    parser.add_argument("--validator", required=True, metavar="WALLET/HOTKEY", help="the hotkey that sets weights")
    parser.add_argument("--queue", metavar="WALLET/HOTKEY", help="the hotkey that writes to the API (default: the validator's)")
    return parser.parse_args()


def main() -> None:
    """Make the folder, and say what belongs into .env."""
    options = _arguments()
    make_passwords(options.folder)
    make_service_key(options.folder)
    addresses = {}
    for service, name in (("validator", options.validator), ("queue", options.queue or options.validator)):
        wallet, _, hotkey = name.partition("/")
        try:
            source = options.wallet_path.expanduser() / wallet
            addresses[service] = copy_hotkey(source, hotkey or "default", options.folder / "wallets" / service)
        except FileNotFoundError as exc:
            sys.exit(f"There is no key file {exc.filename}. Name --{service} as WALLET/HOTKEY, and --wallet-path.")
    sys.stdout.write(f"{options.folder} is ready. In .env:\nVOICE_API_HOTKEY={addresses['validator']}\n")
    sys.stdout.write(f"VOICE_API_WRITERS={addresses['queue']}\n")
    sys.stdout.write(f"VOICE_API_OPERATORS={addresses['validator']}\nVOICE_HOST={socket.gethostname()}\n")


if __name__ == "__main__":
    main()
