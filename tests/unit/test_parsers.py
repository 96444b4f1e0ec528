"""Whoever parses bytes outside the sandbox is known: docs/security.md says within which limits a stranger's are read."""

import ast
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## What is read outside the sandbox")[2].partition("\n## ")[0]
LISTED = set(re.findall(r"`((?:neurons|workers|voice_api|scoring)/[\w/]+\.py)`", SECTION))
FOLDERS = ("neurons", "workers", "voice_api", "scoring", "prompts")
PARSERS = re.compile(
    r"(json|tomllib|pickle|marshal)\.loads?|yaml\.\w*load\w*|torch\.load|np\.load|(soundfile\.)?SoundFile|soundfile\.(read|info)|wave\.open"
    r"|safe_open|load_file|Tokenizer\.from_\w+|zipfile\.\w+|tarfile\.\w+|strict_json\.read_\w+|onnx_weights\.read|base64\.\w*decode"
    r"|(.+\.)?(model_validate_json|validate_json|from_pretrained|fromstring)"
)
LIBRARIES = {"soundfile", "yaml", "pickle", "marshal", "zipfile", "tarfile", "sentencepiece"}
IN_A_GUEST = ("scoring/synthesis/*", "scoring/model/checkpoint.py", "scoring/audio/*", "workers/sandbox/guest/*")
"""Adapters of families open models, parts and settings there; outside, their package reads our own manifests."""
OURS = {
    "the development chain's and the demo's own files": ("neurons/devchain/*", "neurons/localnet/*"),
    "the rules and constants that come with the code": (
        *("scoring/competition.py", "scoring/described.py", "scoring/schema.py", "scoring/scores/aggregate.py"),
        *("scoring/judges/articulation.py", "neurons/cli/scoring/commands.py", "prompts/vocabulary.py", "prompts/voices.py"),
    ),
    "the judges' networks, pinned by hash": ("scoring/judges/*",),
    "recordings of studies": ("scoring/studies/*",),
    "what this process, or one like it, wrote": (
        *("neurons/miner/journal.py", "neurons/miner/scorer.py", "workers/evaluation/environments.py", "voice_api/db/*"),
        *(
            "voice_api/web/listening/*",
            "voice_api/web/pages/submission.py",
            "voice_api/web/speech/formats.py",
            "workers/evaluation/say.py",
        ),
        *("scoring/model/sketch.py", "workers/sandbox/decode_upload.py", "neurons/cli/miner/check.py"),
    ),
    "the operator's certificates and revocations, as strict as a stranger's": ("voice_api/keys.py",),
    "the operator's own settings": ("voice_api/settings_file.py", "neurons/cli/init/commands.py"),
    "the reader that the others share": ("scoring/strict_json.py",),
}


def parsers() -> dict[str, set[str]]:
    """Files of the product, and the parsers that they call, or whose library they import."""
    found: dict[str, set[str]] = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
            called = {call for node in nodes if isinstance(node, ast.Call) and PARSERS.fullmatch(call := ast.unparse(node.func))}
            imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
            if uses := called | (imported & LIBRARIES):
                found[path.relative_to(ROOT).as_posix()] = uses
    return found


FOUND = parsers()
KNOWN = (*IN_A_GUEST, *(pattern for patterns in OURS.values() for pattern in patterns))


def test_every_parser_is_known() -> None:
    """It stands in the page with its limits, works in a guest, or reads what is ours."""
    unknown = {
        path: calls for path, calls in FOUND.items() if path not in LISTED and not any(fnmatch(path, one) for one in KNOWN)
    }
    assert unknown == {}


@pytest.mark.parametrize("pattern", KNOWN)
def test_what_is_known_is_there(pattern: str) -> None:
    """No entry outlives its file."""
    assert [path for path in FOUND if fnmatch(path, pattern)]


def test_what_the_page_lists_is_there() -> None:
    """Each file that it names."""
    assert LISTED
    assert [path for path in sorted(LISTED) if not (ROOT / path).is_file()] == []
