"""The steps of an update: read the record, have it checked, prepare, change the images, and see whether all is well. Needs Python only."""

import fcntl
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from update_engine import Container
from update_fetch import NoRecord, shown
from update_node import UNCHANGED, Node, Status, Stopped, failing_rows, must, said, well
from update_state import State, Switch, with_variables, write_whole

STORES = ("postgres", "redis")
"""They are not of a release, and run on."""
ONE_SHOT = ("migrate", "certify")
"""They run at each start, and end."""
CHECKED = ("validator", "worker")
"""Those in whose place the new release looks at the node before anything is changed."""
HELD_BACK, NOT_NEWER = 3502, 3503
_HOURS = ("VOICE_HOLD_BACK_HOURS", "VOICE_HOLD_BACK_SECURITY_HOURS")
_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is asked for."""

    at_once: bool = False
    """Without the hold-back."""
    again: bool = False
    """Even if the release did not hold before."""
    look_only: bool = False


def update(node: Node, wanted: Wanted) -> str:
    """Do what is to be done, and say what was done; raises Stopped."""
    with _alone(node.folder):
        try:
            state = State.read(node.state_file)
        except ValueError as exc:
            raise Stopped(Status.SETTING, f"{exc}: look at it, and remove it if it is of no use") from exc
        if state.switch is not None:
            return _resumed(node, state, state.switch, wanted)
        raw = _record(node)
        state = _noted(node, state, raw)
        return _nothing_new(state, raw, wanted) or _decided(node, state, raw, wanted)


def _resumed(node: Node, state: State, switch: Switch, wanted: Wanted) -> str:
    """Go on with a change of images that was broken off; raises Stopped."""
    if wanted.look_only:
        how = "Run this without --dry-run: it goes on with it"
        raise Stopped(
            Status.REFUSED, f"{UNCHANGED} the update to {switch.version} was broken off, and is to be ended first. {how}"
        )
    node.told(f"going on with {switch.version}, whose update was broken off")
    return _changed(node, state, switch)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Inside, no other run is at work; raises Stopped(BUSY)."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise Stopped(Status.BUSY, "another run is at work") from exc
        yield


def _record(node: Node) -> bytes:
    """The record of the newest release; raises Stopped."""
    place = node.settings.get("VOICE_RELEASE_URL", "")
    if not place or not node.settings.get("VOICE_RELEASE_KEY"):
        raise Stopped(Status.SETTING, f"{node.env}: set VOICE_RELEASE_URL and VOICE_RELEASE_KEY, see docs/operations.md, Updates")
    try:
        return node.fetch(place)
    except NoRecord as exc:
        raise Stopped(Status.REFUSED, f"{UNCHANGED} {shown(place)} cannot be read ({exc})") from exc


def _noted(node: Node, state: State, raw: bytes) -> State:
    """The state with when this record was first seen."""
    state = replace(state, seen=state.seen_at(hashlib.sha256(raw).hexdigest(), node.now().isoformat(timespec="seconds")))
    state.write(node.state_file)
    return state


def _nothing_new(state: State, raw: bytes, wanted: Wanted) -> str | None:
    """The line where the record is of the release that was taken, None where it is of another; raises Stopped for one that failed.

    It is not verified yet: all that a forged one brings about here is that nothing is done.
    """
    try:
        version = json.loads(raw)["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if version and version == state.version:
        return _nothing_newer(version)
    if version and version == state.failed and not wanted.again:
        how = "Wait for a newer release, or try it once more with --again"
        raise Stopped(Status.WENT_BACK, f"nothing is tried again. At the last time: {state.why}. {how}")
    return None


def _nothing_newer(version: str) -> str:
    return f"{version} runs, and nothing is newer"


def _decided(node: Node, state: State, raw: bytes, wanted: Wanted) -> str:
    """Have the record checked by the release that runs, and take what it is of, unless it is held back; raises Stopped."""
    seen = state.seen[hashlib.sha256(raw).hexdigest()]
    running = ("--running", state.version) if state.version else ()
    command = ("voice", "release", "verify", "-", "--seen", seen.partition("+")[0], *running, "--json")
    told = {name: node.settings[name] for name in ("VOICE_RELEASE_KEY", *_HOURS) if node.settings.get(name)}
    at_once = dict.fromkeys(_HOURS, "0") if wanted.at_once else {}
    ended = node.engine.once(node.images["VOICE_IMAGE_API"], command, raw, told | at_once)
    if ended.status == 0:
        return _take(node, state, said(ended, "the record was not understood"), wanted)
    code, line = re.search(r"error (\d{4}) (.*)", ended.complaint), ended.why
    if code is not None and int(code[1]) == HELD_BACK:
        return code[2]
    if code is not None and int(code[1]) == NOT_NEWER and not state.version:
        return _first_of_all(node, raw, line)
    raise Stopped(Status.REFUSED, f"{UNCHANGED} {line}")


def _first_of_all(node: Node, raw: bytes, line: str) -> str:
    """The line where the record is of the release that was put here by hand; raises Stopped for an older one's."""
    runs = node.engine.once(node.images["VOICE_IMAGE_API"], ("voice", "--version"), b"", {}).printed.split()
    version = json.loads(raw)["version"]
    if runs[-1:] == [version]:
        return _nothing_newer(version)
    raise Stopped(Status.REFUSED, f"{UNCHANGED} {line}")


def _take(node: Node, state: State, release: Mapping[str, Any], wanted: Wanted) -> str:
    """Take a verified release over; raises Stopped."""
    version = release["version"]
    if hashlib.sha256(node.compose.read_bytes()).hexdigest() != release["compose_sha256"]:
        how = f"`git fetch && git checkout --detach {release['commit']}`, read CHANGELOG.md, and run this again"
        raise Stopped(Status.BY_HAND, f"{version} needs another {node.compose.name}: {how}")
    images = _chosen(node, release)
    found = node.engine.containers()
    if not well(found).keys() - set(STORES):
        raise Stopped(
            Status.REFUSED,
            f"{UNCHANGED} no service of a release is well, so it could not be seen whether the release holds; start them",
        )
    for image in sorted({images[variable] for variable in node.used({each.service for each in found})}):
        node.told(f"fetching {image}")
        must(node.engine.pull(image), f"{image} cannot be fetched")
    _look(node, images, well(found))
    if wanted.look_only:
        return f"{version} may be taken over: nothing stands in its way"
    switch = _prepared(node, version, images, found)
    state = replace(state, switch=switch)
    state.write(node.state_file)
    return _changed(node, state, switch)


def _chosen(node: Node, release: Mapping[str, Any]) -> dict[str, str]:
    """The release's image for each that the compose file runs, by the variable that names it; raises Stopped where it lacks one."""
    targets = node.targets
    if missing := sorted(set(targets.values()) - release["images"].keys()):
        raise Stopped(Status.REFUSED, f"{UNCHANGED} {release['version']} has no image of {', '.join(missing)}")
    return {variable: release["images"][target] for variable, target in targets.items()}


def _look(node: Node, images: Mapping[str, str], there: Mapping[str, int]) -> None:
    """Let the new release look at this node; raises Stopped where something stands in its way."""
    for service in CHECKED:
        if service in there:
            node.told(f"asking the new release whether it may be the {service}")
            ended = node.run(service, "voice", "upgrade", "check", service, "--json", images=images)
            if ended.status:
                rows = "; ".join(failing_rows(ended) or [ended.why])
                raise Stopped(Status.REFUSED, f"{UNCHANGED} `voice upgrade check {service}` finds in the way: {rows}")


def _prepared(node: Node, version: str, images: Mapping[str, str], found: list[Container]) -> Switch:
    """Make a backup, and write down what is here now; raises Stopped."""
    node.told("making a backup")
    made = said(node.run("backup", "voice", "backup", "create", "--json", images=node.images), "no backup could be made")
    named = node.settings
    return Switch(
        version=version,
        images=images,
        previous={variable: named.get(variable) for variable in images},
        services=tuple(sorted({each.service for each in found if each.is_running or each.service in ONE_SHOT})),
        well=well(found),
        failing=node.failing(found),
        schema=node.schema(found),
        backup=str(made.get("file", "")),
    )


def _changed(node: Node, state: State, switch: Switch) -> str:
    """Change the images, or unmake that; raises Stopped, also where a file cannot be written in the middle of it."""
    try:
        return _finish(node, state, switch)
    except OSError as exc:
        what = f"{exc.filename or 'a file'}: {exc.strerror or exc}"
        how = "Mend that, and run this again: it goes on"
        raise Stopped(Status.BROKEN, f"the update to {switch.version} is broken off ({what}). {how}") from exc


def _finish(node: Node, state: State, switch: Switch) -> str:
    """Go on with a change of images until it is made, or unmade; raises Stopped."""
    if not switch.returning:
        node.told(f"starting {switch.version}")
        why = _start(node, switch, switch.images) or _unsettled(node, switch, ask=True)
        if why is None:
            replace(state, version=switch.version, failed="", why="", switch=None).write(node.state_file)
            return f"{switch.version} runs, and everything that was well is well; the backup from before it is {switch.backup}"
        switch = replace(switch, returning=why)
        state = replace(state, switch=switch)
        state.write(node.state_file)
    end = _gone_back(node, switch)
    replace(state, failed=switch.version, why=str(end), switch=None).write(node.state_file)
    raise end


def _gone_back(node: Node, switch: Switch) -> Stopped:
    """Bring the former images back: the end of the run, in words."""
    node.told(f"{switch.version} does not hold ({switch.returning}): going back")
    begin = f"{switch.version} did not hold: {switch.returning}."
    now = node.schema(node.engine.containers())
    if switch.schema and now and now != switch.schema:
        return _at_another_schema(node, switch, now, begin)
    why = _start(node, switch, switch.previous) or _unsettled(node, switch, ask=False)
    if why is None:
        return Stopped(Status.WENT_BACK, f"{begin} The former release runs again, and everything that was well is well")
    return Stopped(
        Status.BROKEN, f"{begin} Nor is the former release well: {why}. See `docker compose ps` and `docker compose logs`"
    )


def _at_another_schema(node: Node, switch: Switch, now: str, begin: str) -> Stopped:
    """Name the former images, whose release cannot live with the schema of now, and stop the stack: what a person is to do."""
    listed = node.run("migrate", "ls /backups", images=switch.images).printed.split()
    points = [name for name in listed if name.endswith(f"-before-{now}.zip")]
    point = f"/backups/{max(points)}" if points else switch.backup
    node.engine.compose("stop", *_ours(switch), images=switch.images)
    _name(node, switch.previous)
    restore = f"docker compose run --rm --no-deps --entrypoint=voice migrate backup restore {point} --force --yes"
    return Stopped(
        Status.BROKEN,
        f"{begin} The former images are named again, but the schema went from {switch.schema} to {now}, so the stack is stopped. "
        f"Put the restore point back, then start: `{restore}`, `docker compose up --detach`",
    )


def _start(node: Node, switch: Switch, images: Mapping[str, str | None]) -> str | None:
    """Name these images in .env, and start the stack with them: why it cannot be started, None where it could.

    All processes change at once: an old one beside a new schema is of no use.
    """
    _name(node, images)
    node.engine.compose("stop", *_ours(switch), images=node.images)
    scales = [word for service, count in switch.well.items() if count > 1 for word in ("--scale", f"{service}={count}")]
    ended = node.engine.up(*scales, *switch.services, images=node.images)
    return None if ended.status == 0 else f"it cannot be started ({ended.why})"


def _name(node: Node, images: Mapping[str, str | None]) -> None:
    write_whole(node.env, with_variables(node.env_text, images))


def _unsettled(node: Node, switch: Switch, *, ask: bool) -> str | None:
    """Wait until everything that was well is well: what is not in the end, None for nothing. `ask` is whether the doctor is asked, too."""
    waited = 0.0
    while (why := _trouble(node, switch, ask=ask)) and waited < node.patience:
        node.pause(_PAUSE_SECONDS)
        waited += _PAUSE_SECONDS
    return why


def _trouble(node: Node, switch: Switch, *, ask: bool) -> str | None:
    found = node.engine.containers()
    now = well(found)
    if ill := sorted(service for service, count in switch.well.items() if now.get(service, 0) < count):
        return f"not well: {', '.join(ill)}"
    if ask and (new := [row for row in node.failing(found) if row not in switch.failing]):
        return f"the doctor finds to fail {', '.join(new)}"
    return None


def _ours(switch: Switch) -> list[str]:
    return [service for service in switch.services if service not in (*STORES, *ONE_SHOT)]
