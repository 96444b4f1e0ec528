"""Take the next release over on this host, once it has been known for long enough: `python3 docker/update.py`, by hand or by a timer.

The record of the newest release is read from VOICE_RELEASE_URL. The release that runs here checks it, in a container that reaches
nothing: whether the key VOICE_RELEASE_KEY signed it, whether it is newer, whether VOICE_HOLD_BACK_HOURS have passed. Then the images are
fetched by their digests, the new release looks at this node (`voice upgrade check`), a backup is made, .env names the new images, and
the stack is started with them. It is taken over once everything that was well is well again, and the doctor finds nothing that did not
fail before; else the former images come back. What was killed in the middle is gone on with by the next run. Needs Python, and docker
or podman with its compose.

The last line says what was done. Exit status: 0 done, or nothing to do yet; 1 refused, and nothing was changed; 2 a setting is missing
or wrong; 3 another run is at work; 4 the release needs another docker-compose.yml: the line says which commit; 5 the release did not
hold, and the former one runs; 6 neither runs: the line says what to do.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from update_engine import find
from update_fetch import fetch
from update_node import Node, Status, Stopped, env_text
from update_state import variables
from update_steps import Wanted, update

ROOT = Path(__file__).resolve().parent.parent
_DAY_SECONDS = 86_400.0


def project_of(compose: Path, settings: Mapping[str, str]) -> str:
    """The name of the compose project: .env may give another one than the compose file does."""
    named = re.search(r"^name: (\S+)$", compose.read_text(encoding="utf-8"), re.MULTILINE)
    return settings.get("COMPOSE_PROJECT_NAME") or (named[1] if named else compose.parent.name)


def main() -> None:
    """One run: a line, and an exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--now", action="store_true", help="do not hold the release back")
    parser.add_argument("--again", action="store_true", help="try a release that did not hold here once more")
    parser.add_argument("--dry-run", action="store_true", help="look whether a release could be taken over, and change nothing")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.add_argument(
        "--wait", type=_seconds, default=600.0, metavar="SECONDS", help="the time in which all is to be well (600)"
    )
    options = parser.parse_args()
    status, line = _run(Wanted(at_once=options.now, again=options.again, look_only=options.dry_run), options.wait)
    shown = json.dumps({"status": status.name.lower(), "message": line}) if options.json else line
    sys.stdout.write(f"{shown}\n")
    sys.exit(status)


def _run(wanted: Wanted, patience: float) -> tuple[Status, str]:
    try:
        return Status.DONE, update(_here(patience), wanted)
    except Stopped as end:
        return end.status, str(end)
    except OSError as exc:
        return Status.SETTING, f"{exc.filename or 'a file'}: {exc.strerror or exc}"


def _here(patience: float) -> Node:
    """This host; raises OSError, and Stopped where no engine works."""
    compose, env = ROOT / "docker-compose.yml", ROOT / ".env"
    engine = find(ROOT, project_of(compose, variables(env_text(env))))
    if engine is None:
        raise Stopped(Status.SETTING, "neither docker (with its compose plugin) nor podman (with podman-compose) works here")
    return Node(
        engine=engine,
        compose=compose,
        env=env,
        folder=ROOT / "updates",
        fetch=fetch,
        now=lambda: datetime.now(UTC),
        pause=time.sleep,
        told=_tell,
        patience=patience,
    )


def _seconds(text: str) -> float:
    """A number of seconds, of one day at most."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _DAY_SECONDS:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0, and of one day at most")
    return seconds


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
