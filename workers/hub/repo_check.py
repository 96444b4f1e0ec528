"""The checks of a repository by names, sizes and small files, before anything large is fetched or loaded."""

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from scoring import strict_json
from scoring.competition import SubmissionLimits
from scoring.errors import Code, SubmissionFault
from scoring.foreign_words import escaped
from scoring.model.safetensors_header import PREFIX_BYTES, TensorSpan, header_length, parse_header
from scoring.synthesis.families import FAMILIES, FAMILY_OF
from workers.hub.repository import RepoFile

CONFIG = "config.json"
CARD = "README.md"
CARD_BYTES = 1 << 20
CONFIG_BYTES = strict_json.MAX_BYTES
_MAX_FILES = 200
_MAX_PATH = 128
_MAX_DEPTH = 3
_MAX_NAMED = 10
_ALWAYS = frozenset({"README.md", "LICENSE", "LICENCE", "NOTICE", ".gitattributes"})
_SUFFIXES = frozenset({".safetensors", ".json", ".txt", ".md"})
"""Of files that some family may hold: what is known of a repository whose family is not."""
_SMALL_FILE_BYTES = 32 << 20
"""Vocabularies are the largest files that are not weights."""
_MAX_FRONT_MATTER = 64 << 10
_LICENCE = re.compile(r"""license:[ \t]+(["']?)([A-Za-z0-9.+-]{1,40})\1[ \t]*(?:#.*)?""")
_POINTER = b"version https://git-lfs"
_PAGES = (b"<!doctype", b"<html", b"<?xml")
SNIFFED_BYTES = 64


def check_sizes(files: Sequence[RepoFile], limits: SubmissionLimits) -> list[SubmissionFault]:
    """What is too many or too large: every fault, REPO_TOO_LARGE each."""
    faults: list[tuple[str, list[str]]] = []
    if len(files) > _MAX_FILES:
        faults.append((f"the repository holds {len(files)} files; {_MAX_FILES} are allowed", []))
    for file in files[:_MAX_FILES]:
        most, path = _most_bytes(file.path), escaped(file.path, _MAX_PATH)
        if file.size < 0 or (most is not None and file.size > most):
            faults.append((f"{path}: {file.size} bytes are too many for a file that holds no weights", [path]))
    total = sum(file.size for file in files)
    if total > limits.repo_bytes:
        faults.append((f"the repository holds {total} bytes; {limits.repo_bytes} are allowed", []))
    return [SubmissionFault(Code.REPO_TOO_LARGE, *fault) for fault in faults]


def _most_bytes(path: str) -> int | None:
    if path in {CARD, CONFIG}:
        return {CARD: CARD_BYTES, CONFIG: CONFIG_BYTES}[path]
    return None if path.endswith(".safetensors") else _SMALL_FILE_BYTES


def check_names(paths: Sequence[str], family: str | None) -> list[SubmissionFault]:
    """A fault that lists every file too many, one for missing weights and one for other missing files, by the family's manifest.

    FILE_NOT_ALLOWED, WEIGHTS_MISSING and CONFIG_INVALID, in this order; none if all is well. Of an unknown family only what no family
    may hold is too many.
    """
    must = (CONFIG, "*.safetensors") if family is None else FAMILIES[family].files.must
    missing = [pattern for pattern in must if not any(is_match(path, pattern) for path in paths)]
    surplus = [escaped(path, _MAX_PATH) for path in paths if not _is_allowed(path, family)]
    weights = [name for name in missing if name.endswith(".safetensors")]
    return [
        SubmissionFault(code, f"{what}: {_listed(names)}", names)
        for code, what, names in (
            (Code.FILE_NOT_ALLOWED, "not allowed", surplus),
            (Code.WEIGHTS_MISSING, "missing", weights),
            (Code.CONFIG_INVALID, "missing", [name for name in missing if name not in weights]),
        )
        if names
    ]


def _is_allowed(path: str, family: str | None) -> bool:
    if path in _ALWAYS:
        return True
    if not _is_plain(path):
        return False
    if family is None:
        return PurePosixPath(path).suffix in _SUFFIXES
    files = FAMILIES[family].files
    return any(is_match(path, pattern) for pattern in (*files.must, *files.may))


def _is_plain(path: str) -> bool:
    """Whether a path names one file below the repository's folder, in one spelling, on every system."""
    parts = path.split("/")
    is_spelt = path.isascii() and path.isprintable() and "\\" not in path and len(path) <= _MAX_PATH
    return is_spelt and len(parts) <= _MAX_DEPTH and all(part and not part.startswith(".") for part in parts)


def is_match(path: str, pattern: str) -> bool:
    """Glob folder by folder: a star matches no slash."""
    names, patterns = path.split("/"), pattern.split("/")
    return len(names) == len(patterns) and all(map(fnmatchcase, names, patterns))


def _listed(names: Sequence[str]) -> str:
    more = [f"and {len(names) - _MAX_NAMED} more"] if len(names) > _MAX_NAMED else []
    return ", ".join([*names[:_MAX_NAMED], *more])


def check_header(name: str, read: Callable[[int], bytes], file_bytes: int, header_bytes: int) -> tuple[TensorSpan, ...]:
    """Check a safetensors file of `file_bytes` by its head alone; `read(n)` gives its first n bytes.

    Raises SubmissionFault(HEADER_INVALID), also for a header of more than `header_bytes`.
    """
    try:
        end = PREFIX_BYTES + header_length(read(PREFIX_BYTES), file_bytes, header_bytes)
        return parse_header(read(end)[PREFIX_BYTES:end], file_bytes)
    except SubmissionFault as fault:
        raise SubmissionFault(fault.code, f"{name}: {_other_kind(read(SNIFFED_BYTES)) or fault.detail}", [name]) from fault


def check_head(name: str, head: bytes) -> None:
    """Raise SubmissionFault(CONFIG_INVALID) for a JSON file that became something else on its way; `head` is its beginning."""
    if kind := _other_kind(head):
        raise SubmissionFault(Code.CONFIG_INVALID, f"{name}: {kind}", [name])


def _other_kind(head: bytes) -> str | None:
    """The sentence for a file that is something else by its first bytes, as happens to uploads."""
    if head.startswith(_POINTER):
        return "it is a Git LFS pointer, not the file: push the file itself, with `hf upload` or `git lfs push --all`"
    if head.lstrip().lower().startswith(_PAGES):
        return "it is an HTML page, not the file: it was saved from a web site; upload the file itself with `hf upload`"
    return None


def check_config(raw: bytes, families: Sequence[str]) -> str:
    """The family that config.json names, if the competition allows it; raises SubmissionFault.

    CONFIG_INVALID: not a plain JSON object, or one that wants code of its own. ARCHITECTURE_NOT_ALLOWED: another family.
    """
    try:
        fields = strict_json.read_object(raw)
    except ValueError as exc:
        raise _config_fault(_other_kind(raw) or f"it cannot be read: {exc}") from exc
    if _asks_for_code(fields):
        raise _config_fault("it names code of its own (auto_map, trust_remote_code)")
    kind = fields.get("model_type")
    if not isinstance(kind, str):
        raise _config_fault("it names no model_type")
    family = FAMILY_OF.get(kind)
    if family is None or family not in families:
        why = f"its model_type '{escaped(kind, 40)}' is of none of the families {', '.join(families)}"
        raise _config_fault(why, Code.ARCHITECTURE_NOT_ALLOWED)
    return family


def _config_fault(why: str, code: Code = Code.CONFIG_INVALID) -> SubmissionFault:
    return SubmissionFault(code, f"{CONFIG}: {why}", [CONFIG])


def _asks_for_code(value: object) -> bool:
    if isinstance(value, dict):
        return any(
            name in {"auto_map", "trust_remote_code", "custom_pipelines"} or _asks_for_code(child)
            for name, child in value.items()
        )
    return isinstance(value, list) and any(_asks_for_code(child) for child in value)


def check_licence(card: bytes, licences: Sequence[str]) -> str:
    """The licence that the model card names, if it is an open one; raises SubmissionFault(LICENCE_NOT_OPEN).

    Of the front matter only one line is read, `license: mit` at its margin: YAML whole costs seconds and hundreds of megabytes.
    """
    named = [match[2].lower() for line in _front_matter(card) if (match := _LICENCE.fullmatch(line.rstrip()))]
    if len(named) != 1 or named[0] not in licences:
        found = f"; it names {', '.join(named[:3])}" if named else ""
        detail = f"its front matter needs one line `license:` with one of {', '.join(licences)}{found}"
        raise SubmissionFault(Code.LICENCE_NOT_OPEN, f"{CARD}: {_other_kind(card) or detail}", [CARD])
    return named[0]


def _front_matter(card: bytes) -> list[str]:
    """The lines between the card's first two `---` lines; none where there are no such two."""
    lines = card[:_MAX_FRONT_MATTER].decode("utf-8", "replace").lstrip("\ufeff").split("\n")  # only where YAML sees lines
    marks = [number for number, line in enumerate(lines) if line.rstrip() == "---"][:2]
    return lines[1 : marks[1]] if len(marks) == 2 and marks[0] == 0 else []
