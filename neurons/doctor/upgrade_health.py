"""Whether this release may take over a node: its schema, its rules, and who runs on its database now."""

import re
from collections.abc import Sequence

from neurons.doctor.catalogue import CheckName
from neurons.doctor.finding import Finding, failing, unknown, warning, well
from neurons.doctor.words import listed
from scoring.competition import Schedule
from scoring.errors import EXPLANATIONS, Code
from voice_api.db.rounds import Round

_OURS = re.compile(r"voice\b.* (\d[\w.+-]*)")
"""The name of a process of ours on a connection, with its release."""
_RULES = "Name the rules in force in VOICE_COMPETITION, or upgrade together with everybody: docs/validator.md, When rules change."


def schema(found: str | None, known: Sequence[str]) -> Finding:
    """The row of the schema beside the revisions that this release knows, oldest first."""
    newest = known[-1]
    if found is None:
        return well(CheckName.SCHEMA, "no tables yet: `voice db upgrade` makes them")
    if found == newest:
        return well(CheckName.SCHEMA, f"revision {found}: nothing is to be migrated")
    if found in known:
        count = len(known) - 1 - known.index(found)
        return well(CheckName.SCHEMA, f"revision {found}: {count} to migrate up to {newest}, after a restore point")
    fix = EXPLANATIONS[Code.SCHEMA_UNKNOWN].advice
    return failing(CheckName.SCHEMA, f"revision {found}, of a newer release: this one knows {newest}", fix, Code.SCHEMA_UNKNOWN)


def rules(schedule: Schedule, newest: Round | None) -> Finding:
    """The row of this release's rules beside those of the newest round."""
    check = CheckName.COMPETITION
    if newest is None:
        return well(check, f"{schedule.name}; no round was opened yet")
    number, left = newest.round, schedule.rounds_left(newest.round)
    if left is not None and left < 0:
        return failing(check, f"{schedule.name}: its rules ended with round {schedule.until_round}", _RULES)
    if schedule.at(number).hash != newest.competition_hash:
        return failing(check, f"round {number} was opened under other rules than {schedule.name} has for it here", _RULES)
    coming = [version.from_round for version in schedule.version if version.from_round > number]
    if not coming:
        return well(check, f"{schedule.name}: the rules of round {number}, and no others to come")
    return well(
        check, f"{schedule.name}: the rules of round {number}; others from round {coming[0]} on, {coming[0] - number} away"
    )


def processes(names: Sequence[str], release: str) -> Finding:
    """The row of who is connected to the database, by the names of their connections."""
    check, found = CheckName.PROCESSES, {name: _OURS.fullmatch(name) for name in names}
    others = sorted(name for name, ours in found.items() if ours is not None and ours[1] != release)
    if others:
        fix = "Stop them before `voice db upgrade`, and start them as this release (in compose `docker compose stop`, then `up`)."
        return warning(check, f"{listed(others)}, and this release is {release}", fix)
    ours = sorted(name for name, match in found.items() if match is not None)
    return well(check, listed(ours) if ours else "none of ours is connected")


def unmigrated(check: CheckName) -> Finding:
    """The row of what stands in tables that there are not yet."""
    return unknown(check, "nothing: the database has no tables yet")
