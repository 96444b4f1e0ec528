"""Whether a tag may become a release, before anything is built: `python3 docker/release_check.py v1.2.3`. Needs Python 3.11 only.

Prints `targets=[…]`, the Dockerfile's targets that the stack runs, as a workflow takes it. Exit status 1, with a line for each thing
that is wrong: the tag is not the package's version, CHANGELOG.md has no section of it, or an image of others has no digest.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

from image_names import ROOT, named


def targets(root: Path = ROOT) -> list[str]:
    """What the compose file builds."""
    return sorted(set(re.findall(r"\bbuild: \{.*\btarget: ([a-z-]+)", (root / "docker-compose.yml").read_text(encoding="utf-8"))))


def problems(tag: str, root: Path = ROOT) -> list[str]:
    """What stands in the way of a release with this tag."""
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    found = [] if tag == f"v{version}" else [f"the tag is {tag}, and pyproject.toml says {version}"]
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        found.append(f"CHANGELOG.md has no section [{version}] with its day")
    return found + [f"{image} has no digest: `make pin-images`" for image, digest in named(root).items() if not digest]


def main() -> None:
    """Print the targets, or what is wrong."""
    if len(sys.argv) != 2:
        sys.exit("usage: release_check.py vX.Y.Z")
    if found := problems(sys.argv[1]):
        sys.exit("\n".join(found))
    sys.stdout.write(f"targets={json.dumps(targets())}\n")


if __name__ == "__main__":
    main()
