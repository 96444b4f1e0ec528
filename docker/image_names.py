"""The images of others that this repository names, by tag, and by digest where they are pinned. Needs Python only."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_FILES = ("docker/Dockerfile", "*compose*.yml", "docker/compose.*.yml", "docker/k8s/**/*.yaml")
OWN = "localhost/voice-subnet/"
"""Images that are built here: of no registry in which others could put one by that name."""
_LINE = re.compile(
    r"^(?P<before>FROM |\s+image: )(?P<image>[a-z0-9][\w.:/-]*:[\w.-]+)(?P<digest>@sha256:[0-9a-f]{64})?(?P<after>\s.*)?$"
)


def files(root: Path = ROOT) -> list[Path]:
    """Where they are named: in what is built, and in what is run, by compose and on Kubernetes."""
    return [path for pattern in _FILES for path in sorted(root.glob(pattern))]


def images(text: str) -> dict[str, str]:
    """The images of others that a file names, each with the digest behind it; an empty one where a line has none, or another one."""
    lines = (_LINE.match(line) for line in text.splitlines())
    return _agreed(
        (found["image"], (found["digest"] or "")[1:]) for found in lines if found and not found["image"].startswith(OWN)
    )


def named(root: Path = ROOT) -> dict[str, str]:
    """Those of all files: an image is pinned where each line that names it has the same digest."""
    texts = (path.read_text(encoding="utf-8") for path in files(root))
    return _agreed(item for text in texts for item in images(text).items())


def _agreed(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for image, digest in named:
        found[image] = digest if found.get(image, digest) == digest else ""
    return found


def pinned(text: str, digest_of: Callable[[str], str | None]) -> str:
    """A file's text with each such image by its digest; None leaves it as it is."""
    return "".join(_pinned_line(line, digest_of) for line in text.splitlines(keepends=True))


def _pinned_line(line: str, digest_of: Callable[[str], str | None]) -> str:
    bare = line.rstrip("\n")
    found = _LINE.match(bare)
    if found is None or found["image"].startswith(OWN):
        return line
    digest = digest_of(found["image"])
    return line if digest is None else f"{found['before']}{found['image']}@{digest}{found['after'] or ''}{line[len(bare) :]}"
