"""What of a release stands in its source: the version, the schema, the rules, the compose file, and what CHANGELOG says of it."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from neurons.release.record import ReleaseRecord
from scoring.competition import load
from scoring.errors import Code, PlatformError
from voice_api.db import migrate
from voice_api.db.database import release

COMPOSE, CHANGELOG = "docker-compose.yml", "CHANGELOG.md"
MENDS = "#### Security"
"""The heading in CHANGELOG below which stands which weakness a release mends: nodes take such a release sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseBuild:
    """What was built: from which commit, when, and which images."""

    commit: str
    published_at: datetime
    images: Mapping[str, str]
    """Each target's image, by its digest."""


def record_of(root: Path, build: ReleaseBuild, signer: str) -> ReleaseRecord:
    """The record of what was built from the source at `root`, whose package is installed; raises PlatformError(ARGUMENT_INVALID)."""
    version = release()
    try:
        compose = hashlib.sha256((root / COMPOSE).read_bytes()).hexdigest()
        notes = notes_of((root / CHANGELOG).read_text(encoding="utf-8"), version)
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{exc.filename} cannot be read ({exc.strerror})") from exc
    try:
        return ReleaseRecord(
            format=1,
            version=version,
            published_at=build.published_at.astimezone(UTC).replace(microsecond=0),
            commit=build.commit,
            schema_revision=migrate.head(),
            competition_hash=load().version[-1].hash,
            compose_sha256=compose,
            security=any(MENDS in note for note in notes.values()),
            images=build.images,
            notes=notes,
            signer=signer,
        )
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PlatformError(Code.ARGUMENT_INVALID, f"{where}: {first['msg']}") from exc


def notes_of(changelog: str, version: str) -> dict[str, str]:
    """What changes in a version, by the kind of user; raises PlatformError(ARGUMENT_INVALID) where the changelog has no word of it."""
    heads = re.split(r"^## \[([^\]]+)\].*$", changelog, flags=re.MULTILINE)
    sections = dict(zip(heads[1::2], heads[2::2], strict=True))
    parts = re.split(r"^### (.+)$", sections.get(version, ""), flags=re.MULTILINE)
    notes = {kind.strip(): text.strip() for kind, text in zip(parts[1::2], parts[2::2], strict=True)}
    if not notes:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{CHANGELOG} has no section [{version}] with what changes for whom")
    return notes
