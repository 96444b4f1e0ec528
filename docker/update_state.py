"""What an update keeps on the host: what it has taken, what it is in the middle of, and the names of images in .env. Needs Python only."""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_KEPT = 8
"""Records of releases whose first sight is remembered."""
_LINE = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$")
_QUOTED = re.compile(r"""(["'])(.*?)\1\s*(?:#.*)?$""")
_COMMENT = re.compile(r"(?:^|\s+)#.*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A change of images, written down before it begins: what is killed in the middle of it is gone on with."""

    version: str
    images: Mapping[str, str]
    """By the variables that name them."""
    previous: Mapping[str, str | None]
    """The same before; None: not named, so that the compose file's own was run."""
    services: tuple[str, ...]
    """Those that had a container."""
    well: Mapping[str, int]
    """The services that were well, and with how many containers."""
    failing: tuple[str, ...]
    """What the doctor found to be failing before."""
    schema: str
    """The database's revision; empty where it could not be asked."""
    backup: str
    returning: str = ""
    """Why the former images come back; empty while the new ones are on their way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is kept between two runs."""

    version: str = ""
    """The newest release that was taken; empty before the first."""
    failed: str = ""
    """The newest one that was taken and did not hold: it is not tried again."""
    why: str = ""
    """The line with which that ended."""
    seen: Mapping[str, str] = field(default_factory=dict)
    """When a record was first seen, by its SHA-256, as ISO 8601 in UTC."""
    switch: Switch | None = None

    @classmethod
    def read(cls, path: Path) -> "State":
        """The state in a file, or that of a beginning where there is none; raises ValueError for what is no state."""
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return cls()
        try:
            data = json.loads(raw)
            begun: dict[str, Any] | None = data.pop("switch")
            if begun is None:
                return cls(**data)
            lists = {name: tuple(begun[name]) for name in ("services", "failing")}
            return cls(**data, switch=Switch(**{**begun, **lists}))
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise ValueError(f"{path} holds no state of an update") from exc

    def write(self, path: Path) -> None:
        """Keep it: all of it, or what was there before."""
        write_whole(path, json.dumps(asdict(self), indent=1) + "\n")

    def seen_at(self, record: str, now: str) -> Mapping[str, str]:
        """The first sights with this record's, which is now where it was not seen before; of the oldest some are forgotten."""
        others = sorted((item for item in self.seen.items() if item[0] != record), key=lambda item: item[1])
        return {**dict(others[1 - _KEPT :]), record: self.seen.get(record, now)}


def variables(text: str) -> dict[str, str]:
    """What a file like .env says, by name; as compose reads it, without quotes around a value and a comment behind it."""
    found = (_LINE.match(line.strip()) for line in text.splitlines())
    return {match[1]: _value(match[2].strip()) for match in found if match}


def _value(text: str) -> str:
    quoted = _QUOTED.match(text)
    return quoted[2] if quoted else _COMMENT.sub("", text)


def with_variables(text: str, values: Mapping[str, str | None]) -> str:
    """The text of a file like .env that says these values, each in its line or at the end, and nothing of those that are None."""
    lines, left = [], {name: value for name, value in values.items() if value is not None}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None or match[1] not in values:
            lines.append(line)
        elif match[1] in left:
            lines.append(f"{match[1]}={left.pop(match[1])}")
    return "\n".join([*lines, *(f"{name}={value}" for name, value in left.items())]) + "\n"


def write_whole(path: Path, text: str) -> None:
    """Put a text in the place of a file, with its owner and rights; a new one is for its owner alone."""
    path = path.resolve()
    before = path.stat() if path.exists() else None
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        new = Path(folder) / path.name
        with open(new, "w", encoding="utf-8", opener=_for_owner) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            if before is not None:
                os.fchmod(file.fileno(), before.st_mode & 0o7777)
                if os.geteuid() == 0:
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
        new.replace(path)


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
