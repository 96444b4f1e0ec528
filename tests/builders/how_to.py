"""How-to pages, done: the files that a page shows are written into a copy of the tree, its changes are made, its lines are run there."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("neurons", "workers", "voice_api", "scoring", "prompts")
_BLOCK = re.compile(
    r"^`(?P<path>[\w./]+)`[^\n]*(?:\n[^\n`][^\n]*)*\n\n```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
_LINES = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_INTERPRETER = """
import sys; sys.path.insert(0, {tree!r})
import site; site.addsitedir({packages!r})
import sys; sys.prefix = sys.exec_prefix = {prefix!r}
"""
"""Lines of a .pth file: a Python of the copied tree, over the packages that are installed for this one; guests start by it, too."""


@dataclass(frozen=True, slots=True)
class HowTo:
    """A page's new files, its changes to files that there are, as they are written, and its shell lines."""

    files: Mapping[str, str]
    changes: tuple[tuple[str, str], ...]
    lines: str

    @classmethod
    def of(cls, text: str) -> "HowTo":
        """Read a page, or a section of one. A block that begins a paragraph with a path is that file, or a change of it."""
        blocks = [(match["path"], match["kind"], match["text"]) for match in _BLOCK.finditer(text)]
        return cls(
            files={path: block for path, kind, block in blocks if kind != "diff"},
            changes=tuple((path, block) for path, kind, block in blocks if kind == "diff"),
            lines="".join(_LINES.findall(text)),
        )

    def apply(self, tree: Path) -> None:
        """Write the files, and make the changes; raises ValueError where a file is there already, or a change fits no place or several."""
        for path, text in self.files.items():
            if (tree / path).exists():
                raise ValueError(f"{path} is there already")
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text, encoding="utf-8")
        for path, change in self.changes:
            for hunk in re.split(r"^@@\n", change, flags=re.MULTILINE):
                _make(tree / path, hunk.splitlines(keepends=True))


def _make(file: Path, hunk: list[str]) -> None:
    text = file.read_text(encoding="utf-8")
    before = "".join(line[1:] or "\n" for line in hunk if not line.startswith("+"))
    after = "".join(line[1:] or "\n" for line in hunk if not line.startswith("-"))
    if text.count(before) != 1:
        raise ValueError(f"{file.name} has {text.count(before)} places like\n{before}")
    file.write_text(text.replace(before, after), encoding="utf-8")


def page(name: str) -> str:
    """The text of a page of docs/howto."""
    return (ROOT / "docs" / "howto" / f"{name}.md").read_text(encoding="utf-8")


def copied_tree(place: Path) -> Path:
    """The tree's packages, copied."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, place / "tree" / package)
    (place / "tree" / "docs").mkdir()
    return place / "tree"


def python_of(tree: Path) -> Path:
    """The folder of a `python` and a `voice` that import the copied tree."""
    base = tree.parent / "venv"
    packages = base / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (base / "bin").mkdir(parents=True)
    packages.mkdir(parents=True)
    python = base / "bin" / "python"
    python.symlink_to(Path(sys.executable).resolve())
    (base / "pyvenv.cfg").write_text(f"home = {python.resolve().parent}\n", encoding="utf-8")
    lines = _INTERPRETER.format(tree=str(tree), packages=sysconfig.get_path("purelib"), prefix=sys.prefix)
    (packages / "tree.pth").write_text(lines, encoding="utf-8")
    voice = base / "bin" / "voice"
    voice.write_text(f"#!{python}\nfrom neurons.cli.main import main\nmain()\n", encoding="utf-8")
    voice.chmod(0o755)
    return base / "bin"


def check_style(tree: Path, *paths: str) -> None:
    """Let linter and formatter look at Python files and folders of a tree; AssertionError with what they would change."""
    python = [path for path in paths if not Path(path).suffix or path.endswith(".py")]
    ruff = str(Path(sys.executable).with_name("ruff"))
    for command in (("check",), ("format", "--diff")):
        asked = [ruff, *command, "--no-cache", "--config", str(ROOT / "pyproject.toml"), *python]
        done = subprocess.run(asked, cwd=tree, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def run(tree: Path, lines: str, **variables: str) -> str:
    """What shell lines print, run in a tree with its own `python` and `voice`; AssertionError with all of it where one fails."""
    folder = tree.parent / "venv" / "bin"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines],
        cwd=tree,
        env={
            "PATH": f"{folder if folder.exists() else python_of(tree)}:{os.defpath}",
            "HOME": str(tree),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "200",
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
