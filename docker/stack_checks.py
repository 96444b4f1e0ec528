"""What `make compose-check` looks at once the stack is up and a model was paid for. Each check raises CheckFailed."""

import json
import re
from collections import Counter
from http import HTTPStatus
from pathlib import PurePosixPath

import httpx
from stack import CheckFailed, Stack, console, until

from scoring.synthesis.families import FAMILIES

FAMILY = "qwen3_tts"
"""Its guests need packages of their own, and the packaged competition does not ask for it: the build is told."""
_WORKER_IMAGE = "localhost/voice-subnet/worker"
_SPEECH_SECONDS = 120.0
_RESTORED = "voice_restored"
"""The database that a backup is put back into, beside the stack's own."""
_NUMBERS = "http://127.0.0.1:9100/metrics"


def check_packages(stack: Stack) -> None:
    """Each worker has the packages of FAMILY as they are locked, and its user may write nothing there; raises CheckFailed.

    A file system that is read-only says nothing of that, so a container with another one is asked, too.
    """
    lock = FAMILIES[FAMILY].environment
    if lock is None:
        raise CheckFailed(f"{FAMILY} is no family whose guests need packages: name another one")
    for worker in (name for name in stack.containers() if "worker" in name):
        said = stack.execute_in(worker, "voice", "worker", "prepare", FAMILY).strip()
        folder = PurePosixPath(said.removeprefix("checked "))
        if folder.parts[-2:] != (FAMILY, lock.hash) or not said.startswith("checked "):
            raise CheckFailed(f"{worker} has no environment {lock.hash[:12]} of {FAMILY}: {said}")
        if writable := stack.execute_once(_WORKER_IMAGE, "find", str(folder.parents[1]), "-writable", "-print", "-quit").strip():
            raise CheckFailed(f"the user of {_WORKER_IMAGE} may write {writable}")
        console.print(f"{worker}: the packages of {FAMILY} are whole, and read only")


def check_walls(stack: Stack) -> None:
    """A hostile guest finds no way out of the sandbox of a worker's container, under all that confines it; raises CheckFailed."""
    printed = stack.run("worker", "voice", "worker", "selftest", "--full", "--json", profile="speech")
    found = json.loads(printed)["findings"]
    outcomes = Counter("known to remain" if finding["remains"] else finding["outcome"] for finding in found)
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    console.print(f"a hostile guest found no way out of a worker's container: {told}")


def check_listening(stack: Stack, url: str) -> None:
    """The listening page leads to a small copy of a sample, and the API keeps it in its volume; raises CheckFailed."""
    with httpx.Client(base_url=url, timeout=30.0, trust_env=False) as client:
        copies = re.findall(r'src="(/v1/samples/[0-9a-f]{64}/opus)"', client.get("/listen").text)
        if not copies:
            raise CheckFailed("the listening page names no sound")
        answer = client.get(copies[0])
    if not answer.content.startswith(b"OggS"):
        raise CheckFailed(f"{copies[0]} is no sound: {answer.status_code} {answer.text[:300]}")
    kept = stack.execute_in(stack.one("api"), "find", "/copies", "-type", "f").split()
    if not kept:
        raise CheckFailed("the API keeps no copy in its volume")
    console.print(
        f"heard a sample of the listening page: {len(answer.content)} bytes of Opus; {len(kept)} files in the copies' volume"
    )


def check_speech(stack: Stack, url: str) -> None:
    """The worker that takes nothing but speech says a sentence in the king's voice; raises CheckFailed."""
    taken = stack.execute_in(stack.one("speech-worker"), "printenv", "VOICE_TAKES").strip()
    with httpx.Client(base_url=url, timeout=30.0, trust_env=False) as client:
        said = client.post("/v1/speech", json={"text": "This stack can speak."})
        place = said.headers.get("location", "")
        if not said.is_success or taken != "speech":
            raise CheckFailed(f"no sentence could be asked for: {said.status_code} {said.text[:300]}")
        until("the sentence is said, or failed", _SPEECH_SECONDS, lambda: client.get(place).json()["state"] in ("done", "failed"))
        spoken = client.get(place).json()
        sound = client.get(f"{place}/audio")
    if spoken["state"] != "done" or not sound.content.startswith(b"fLaC"):
        raise CheckFailed(f"the sentence has no sound: {spoken['state']} {spoken['code']} {spoken['reason']}")
    console.print(
        f"the king said a sentence: {spoken['seconds']:.1f} s of sound, {spoken['first_audio_seconds']:.1f} s after it was asked"
    )


def check_numbers(stack: Stack, url: str) -> None:
    """Prometheus finds the API's numbers on a port of their own, and nobody on the public one; raises CheckFailed."""
    ask = f"import urllib.request; print(urllib.request.urlopen('{_NUMBERS}', timeout=10).read().decode())"
    shown = stack.execute_in(stack.one("api"), "python", "-c", ask)
    public = httpx.get(f"{url}/metrics", timeout=10.0, trust_env=False).status_code
    if "voice_database_up 1.0" not in shown or public != HTTPStatus.NOT_FOUND:
        raise CheckFailed(f"the API's numbers are not where they belong: {public} on the public port")
    console.print(f"the API shows {len(shown.splitlines())} lines of numbers inside, and none outside")


def check_prune(stack: Stack) -> None:
    """What clears old sounds away reads the store and the database, and would take nothing that is new; raises CheckFailed."""
    printed = stack.run("prune", "voice", "store", "prune", "--dry-run", "--json", profile="prune")
    console.print(f"clearing away, tried: {json.dumps(json.loads(printed))}")


def check_backup(stack: Stack) -> None:
    """A login that may only read makes a backup, which is whole and comes back in a database of its own; raises CheckFailed."""
    keeper, postgres = stack.one("backup"), stack.one("postgres")
    made = json.loads(stack.execute_in(keeper, "voice", "backup", "create", "--json"))
    stack.execute_in(keeper, "voice", "backup", "verify", made["file"], "--json")
    stack.execute_in(postgres, "createdb", "--username", "voice", _RESTORED)
    url = f"sed 's,/voice$,/{_RESTORED},' /run/secrets/database_url"
    stack.run("migrate", f'DATABASE_URL="$({url})" voice backup restore {made["file"]} --json', profile="speech")
    count = ("psql", "--username", "voice", "--dbname", _RESTORED, "--tuples-only", "--command", "select count(*) from ledger")
    entries = int(stack.execute_in(postgres, *count))
    if not entries or entries != made["rows"]["ledger"]:
        raise CheckFailed(f"the backup has {made['rows']['ledger']} entries of the ledger, and {entries} came back")
    console.print(f"a backup of {made['bytes']:,} bytes came back whole: {entries} entries of the ledger")


def check_doctor(stack: Stack) -> None:
    """In the container of each role the doctor finds nothing that fails; raises CheckFailed."""
    for role in ("validator", "api", "worker"):
        printed = stack.execute_in(stack.one(role), "sh", "-c", f"voice doctor {role} --json || true")
        rows = json.loads(printed)["findings"]
        failing = [f"{row['check']}: {row['value']}" for row in rows if row["health"] == "failing"]
        if failing:
            raise CheckFailed(f"the doctor of the {role} finds {'; '.join(failing)}")
        other = ", ".join(f"{row['check']} {row['health']}" for row in rows if row["health"] != "ok")
        console.print(f"doctor of the {role}: {len(rows)} parts looked at, none fails{f' ({other})' if other else ''}")


def check_upgrade(stack: Stack) -> None:
    """Nothing stands in the way of the release that runs; raises CheckFailed."""
    printed = stack.run("validator", "voice", "upgrade", "check", "validator", "--json", profile="speech")
    rows = json.loads(printed)["findings"]
    told = ", ".join(f"{row['check']} {row['health']}" for row in rows)
    console.print(f"upgrade check: {told}")
