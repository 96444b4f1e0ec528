"""`make golden BEFORE=<commit>`: what two commits say of one kept demo, and where they differ.

The evidence is a demo that the earlier commit ran to its table: its database cluster, its store and its chain. Both commits then
answer from a copy of it: every GET below /v1, `validator replay` of every attempt, `validator explain` of every uid, and `verify` of
every receipt. A difference that is neither masked (it tells the time) nor listed in --intended fails the command.

Usage: python -m benchmarks.golden_master --before 70698d1 [--evidence FOLDER] [--intended FILE]
"""

import argparse
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from neurons.localnet.network import COMPETITION
from neurons.localnet.services import pick_port, start_postgres, start_redis
from voice_api.runtime.process_end import die_with_parent

ROOT = Path(__file__).resolve().parents[1]
INTENDED = Path(__file__).with_name("golden_intended.toml")
_START_SECONDS = 60.0
_COMMAND_SECONDS = 600.0
_TIME = re.compile(r"age|_at|until|seconds|block|snapshot_hash|request_id|instance")
"""Names of values that tell the time, the chain's clock included; compared is only whether they are there."""
_UIDS = 9
"""As many uids as a demo has, and one that nobody holds."""
_MOST_VALUES = 40
"""The most values of a path's parameter that are asked for."""
_SOURCES = {
    "submission_id": ("/v1/submissions", "id"),
    "round_number": ("/v1/rounds", "round"),
    "evaluation_id": ("/v1/evaluations", "id"),
    "receipt_hash": ("/v1/evaluations", "receipt_hash"),
    "snapshot_hash": ("/v1/weights", "snapshot_hash"),
}
"""The list that names the values of a path's parameter, and the field that holds them."""

Answers = dict[str, Any]
"""Answers by their questions."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A checkout and the interpreter that runs it."""

    folder: Path
    python: Path

    def run(self, arguments: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """`voice <arguments>` to its end."""
        command = [str(self.python), "-m", "neurons.cli", *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env={"PATH": os.defpath, **environment},
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )


def clone(revision: str, folder: Path) -> Path:
    """The earlier commit's files in a folder of its own: made once, then kept."""
    if not (folder / "Makefile").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["git", "clone", "--quiet", "--shared", str(ROOT), str(folder)], check=True)
        subprocess.run(["git", "checkout", "--quiet", revision], cwd=folder, check=True)
    return folder


def checkout(revision: str, folder: Path) -> Commit:
    """The earlier commit's clone, with an environment of its own and a demo that it ran: made once, then kept."""
    if not (clone(revision, folder) / ".voice" / "demo" / "store").is_dir():
        subprocess.run(["make", "demo", "ONCE=1"], cwd=folder, check=True, stdout=sys.stderr)
    return Commit(folder, folder / ".venv" / "bin" / "python")


def answers(commit: Commit, evidence: Path) -> Answers:
    """Everything that a commit says of the evidence, which it gets as a copy."""
    with kept_network(commit, evidence) as environment, _serving(commit, environment) as api:
        said = _ask(api)
        return said | _commands(commit, environment, said)


@contextmanager
def kept_network(commit: Commit, evidence: Path) -> Iterator[dict[str, str]]:
    """A copy of a demo's folder with its database running at the commit's schema: the environment of whatever asks about it."""
    with tempfile.TemporaryDirectory(prefix="voice-golden-") as place:
        kept = Path(place, "demo")
        subprocess.run(["cp", "-a", str(evidence), str(kept)], check=True)
        postgres, redis = start_postgres(kept / "postgres", durable=False), start_redis(Path(place, "redis"))
        try:
            environment = _environment(commit, kept, postgres.url, redis.url)
            upgraded = commit.run(["db", "upgrade"], environment)
            if upgraded.returncode:
                raise SystemExit(f"{commit.folder} cannot upgrade the kept database:\n{upgraded.stderr}")
            yield environment
        finally:
            redis.stop()
            postgres.stop()


def _environment(commit: Commit, kept: Path, database: str, redis: str) -> dict[str, str]:
    relative = COMPETITION.relative_to(ROOT)
    return {
        "DATABASE_URL": database,
        "REDIS_URL": redis,
        "BT_NETWORK": "dev",
        "VOICE_NETUID": "1",
        "VOICE_DEVCHAIN": str(kept / "devchain.sqlite"),
        "BT_WALLET": "validator",
        "BT_WALLET_PATH": str(kept / "wallets"),
        "VOICE_COMPETITION": str(commit.folder / relative),
        "VOICE_STORE": str(kept / "store"),
        "VOICE_API_HOTKEY": _validator(kept),
        "VOICE_RATE_PER_MINUTE": "0",
        "VOICE_RATE_ADDRESS_PER_MINUTE": "0",
    }


def _validator(kept: Path) -> str:
    document = json.loads((kept / "wallets" / "validator" / "hotkeys" / "defaultpub.txt").read_text(encoding="utf-8"))
    return str(document["ss58Address"])


@contextmanager
def _serving(commit: Commit, environment: Mapping[str, str]) -> Iterator[httpx.Client]:
    """The commit's own API on a free port, for as long as it is asked."""
    port = pick_port(None)
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [str(commit.python), "-m", "neurons.cli", "api", "--port", str(port)],
            cwd=commit.folder,
            env={"PATH": os.defpath, **environment},
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                _await(client, process)
                yield client
        finally:
            process.terminate()
            process.wait()


def _await(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if client.get("/healthz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise SystemExit("the API did not start")


def _ask(client: httpx.Client) -> Answers:
    """Every GET below /v1 that the API describes, with each value of its parameters that its lists name."""
    paths = client.get("/openapi.json").raise_for_status().json()["paths"]
    wanted = sorted(
        (path for path, item in paths.items() if path.startswith("/v1/") and "get" in item), key=lambda p: p.count("{")
    )
    said: Answers = {}
    for path in wanted:
        names = re.findall(r"{(\w+)}", path)
        for values in itertools.product(*(_values(name, said) for name in names)):
            url = path.format(**dict(zip(names, values, strict=True)))
            said[f"GET {url}"] = _answer(client.get(url))
    return said


def _values(name: str, said: Answers) -> list[str]:
    """Values for a path's parameter, from earlier answers; one that exists nowhere, where no list names it."""
    if name == "pcm_sha256":
        rows = itertools.chain.from_iterable(_rows(answer) for asked, answer in said.items() if asked.endswith("/samples"))
        found = {row["pcm_sha256"] for row in rows}
    elif name in _SOURCES:
        asked, field = _SOURCES[name]
        found = {row[field] for row in _rows(said[f"GET {asked}"])}
    else:
        found = {"00000000-0000-0000-0000-000000000000"}
    return sorted(str(value) for value in found if value not in (None, ""))[:_MOST_VALUES]


def _rows(answer: Any) -> list[dict[str, Any]]:
    body = answer["body"]
    rows = body if isinstance(body, list) else next((part for part in body.values() if isinstance(part, list)), [])
    return [row for row in rows if isinstance(row, dict)]


def _answer(response: httpx.Response) -> dict[str, Any]:
    kind = response.headers.get("content-type", "").partition(";")[0]
    body = response.json() if kind.endswith("json") else f"{len(response.content)} bytes"
    return {"status": response.status_code, "type": kind, "body": body}


def _commands(commit: Commit, environment: Mapping[str, str], said: Answers) -> Answers:
    found: Answers = {}
    for snapshot in _values("snapshot_hash", said):
        found[f"replay {snapshot}"] = _told(commit.run(["validator", "replay", snapshot, "--json"], environment))
    for uid in range(_UIDS):
        found[f"explain {uid}"] = _told(commit.run(["validator", "explain", str(uid), "--json"], environment))
    for receipt in sorted(Path(environment["VOICE_STORE"], "receipts").iterdir()):
        options = ["--level", "2", "--issuer", environment["VOICE_API_HOTKEY"], "--json"]
        found[f"verify {receipt.stem}"] = _told(commit.run(["verify", str(receipt), *options], environment))
    return found


def _told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    try:
        output: Any = json.loads(done.stdout)
    except ValueError:
        output = done.stdout
    return {"status": done.returncode, "body": output, "errors": "" if done.returncode == 0 else done.stderr[-2000:]}


def differences(before: Any, after: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each place at which two answers differ, what the first says there and what the second; values that tell the time are equal."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            inner = f"{where}/{name}" if where else name
            yield from differences(before.get(name, "(absent)"), after.get(name, "(absent)"), inner)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from differences(*pair, f"{where}/{index}")
    elif before != after and not (_tells_time(where) and type(before) is type(after)):
        yield where, before, after


def _tells_time(where: str) -> bool:
    return _TIME.search(where.rsplit("/", 1)[-1]) is not None


def main() -> None:
    """Ask both commits, and print where they differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, help="the earlier commit")
    parser.add_argument("--kept", type=Path, default=ROOT / ".voice" / "golden", help="where checkouts and their demos are kept")
    parser.add_argument("--intended", type=Path, default=INTENDED, help="a TOML table: a pattern of a place = why it differs")
    given = parser.parse_args()
    old = checkout(given.before, given.kept / given.before)
    intended = tomllib.loads(given.intended.read_text(encoding="utf-8"))
    evidence = old.folder / ".voice" / "demo"
    before, after = answers(old, evidence), answers(Commit(ROOT, Path(sys.executable)), evidence)
    for name, said in (("before", before), ("after", after)):
        (given.kept / f"{name}.json").write_text(json.dumps(said, indent=1, sort_keys=True), encoding="utf-8")
    found = list(differences(before, after))
    sys.exit(report(Console(soft_wrap=True), len(before), found, intended))


def report(console: Console, asked: int, found: list[tuple[str, Any, Any]], intended: Mapping[str, str]) -> int:
    """Print the differences, the intended ones by their reason; the exit status."""
    reasons: dict[str, int] = {}
    wrong = 0
    for where, before, after in found:
        reason = next((why for pattern, why in intended.items() if re.search(pattern, where)), None)
        if reason is not None:
            reasons[reason] = reasons.get(reason, 0) + 1
            continue
        wrong += 1
        console.print(f"{where}\n  before: {str(before)[:300]}\n  after:  {str(after)[:300]}", markup=False, highlight=False)
    for reason, count in reasons.items():
        console.print(f"intended, {count} times: {reason}", markup=False)
    console.print(
        f"{asked} answers compared (before.json and after.json beside the checkout): {wrong} differences that nobody intended"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    main()
