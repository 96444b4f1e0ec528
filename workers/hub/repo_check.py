"""The checks of a repository by names, sizes and small files, before anything large is fetched or loaded."""

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

import yaml

from scoring import strict_json
from scoring.competition import SubmissionLimits
from scoring.errors import Code, SubmissionFault
from scoring.model.safetensors_header import PREFIX_BYTES, TensorSpan, header_length, parse_header
from scoring.synthesis.families import FAMILY_OF
from workers.hub.repository import RepoFile

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
CARD = "README.md"
CARD_BYTES = 1 << 20
CONFIG_BYTES = strict_json.MAX_BYTES + 1
"""The most bytes of each that are fetched; a config.json that is longer is refused."""
_MAX_FILES = 200
_MAX_NAME = 128
_SUFFIXES = frozenset({".safetensors", ".json", ".txt", ".md"})
_NAMES = frozenset({"LICENSE", "LICENCE", "NOTICE", ".gitattributes"})
_MAX_CARD_DEPTH = 16
_OPENING = (yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken, yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)
_SMALL_FILE_BYTES = 32 << 20
"""Vocabularies are the largest files that are not weights."""


def check_files(files: Sequence[RepoFile], limits: SubmissionLimits) -> None:
    """Refuse files that are not on the list.

    Raises SubmissionFault: FILE_NOT_ALLOWED, REPO_TOO_LARGE, WEIGHTS_MISSING or CONFIG_INVALID.
    """
    if len(files) > _MAX_FILES:
        raise SubmissionFault(Code.REPO_TOO_LARGE, f"the repository holds {len(files)} files; {_MAX_FILES} are allowed")
    for file in files:
        _check_file(file)
    total = sum(file.size for file in files)
    if total > limits.repo_bytes:
        raise SubmissionFault(Code.REPO_TOO_LARGE, f"the repository holds {total} bytes; {limits.repo_bytes} are allowed")
    paths = {file.path for file in files}
    weights = {path for path in paths if path.endswith(".safetensors")}
    if not weights:
        raise SubmissionFault(Code.WEIGHTS_MISSING)
    if weights != {WEIGHTS}:  # a file that no model loads would tell two copies apart
        raise SubmissionFault(Code.FILE_NOT_ALLOWED, f"{min(weights - {WEIGHTS})}: the weights lie in one file, {WEIGHTS}")
    if CONFIG not in paths:
        raise SubmissionFault(Code.CONFIG_INVALID, "there is no config.json")


def _check_file(file: RepoFile) -> None:
    path = PurePosixPath(file.path)
    shown = "".join(c if c.isprintable() else "?" for c in file.path[:_MAX_NAME])
    is_plain = len(path.parts) == 1 and file.path == path.name and file.path.isascii() and file.path.isprintable()
    if not is_plain or len(file.path) > _MAX_NAME or "\\" in file.path or path.name == "..":
        raise SubmissionFault(Code.FILE_NOT_ALLOWED, f"{shown}: files lie in the repository's top folder, under plain names")
    if path.name not in _NAMES and (path.suffix not in _SUFFIXES or path.name.startswith(".")):
        raise SubmissionFault(
            Code.FILE_NOT_ALLOWED, f"{shown}: only safetensors, JSON, text, Markdown and licence files are allowed"
        )
    if file.size < 0 or (path.suffix != ".safetensors" and file.size > _SMALL_FILE_BYTES):
        raise SubmissionFault(Code.REPO_TOO_LARGE, f"{shown}: {file.size} bytes are too many for a file that holds no weights")


def check_header(read: Callable[[int], bytes], file_bytes: int, header_bytes: int) -> tuple[TensorSpan, ...]:
    """Check a safetensors file of `file_bytes` by its head alone; `read(n)` gives its first n bytes.

    Raises SubmissionFault(HEADER_INVALID), also for a header of more than `header_bytes`.
    """
    end = PREFIX_BYTES + header_length(read(PREFIX_BYTES), file_bytes, header_bytes)
    return parse_header(read(end)[PREFIX_BYTES:end], file_bytes)


def check_config(raw: bytes, families: Sequence[str]) -> str:
    """The family that config.json names, if the competition allows it; raises SubmissionFault.

    CONFIG_INVALID: not a plain JSON object, or one that wants code of its own. ARCHITECTURE_NOT_ALLOWED: another family.
    """
    try:
        fields = strict_json.read_object(raw)
    except ValueError as exc:
        raise SubmissionFault(Code.CONFIG_INVALID, f"config.json cannot be read: {exc}") from exc
    if _asks_for_code(fields):
        raise SubmissionFault(Code.CONFIG_INVALID, "config.json names code of its own (auto_map, trust_remote_code)")
    kind = fields.get("model_type")
    if not isinstance(kind, str):
        raise SubmissionFault(Code.CONFIG_INVALID, "config.json names no model_type")
    family = FAMILY_OF.get(kind)
    if family is None or family not in families:
        raise SubmissionFault(
            Code.ARCHITECTURE_NOT_ALLOWED,
            f"config.json's model_type {kind[:40]!r} is of none of the families {', '.join(families)}",
        )
    return family


def _asks_for_code(value: object) -> bool:
    if isinstance(value, dict):
        return any(
            name in {"auto_map", "trust_remote_code", "custom_pipelines"} or _asks_for_code(child)
            for name, child in value.items()
        )
    return isinstance(value, list) and any(_asks_for_code(child) for child in value)


def check_licence(card: bytes, licences: Sequence[str]) -> str:
    """The licence that the model card's front matter names, if it is an open one; raises SubmissionFault(LICENCE_NOT_OPEN)."""
    licence = _front_matter(card).get("license")
    if not isinstance(licence, str) or licence.lower() not in licences:
        raise SubmissionFault(
            Code.LICENCE_NOT_OPEN, f"README.md's front matter needs `license:` with one of {', '.join(licences)}"
        )
    return licence.lower()


def _front_matter(card: bytes) -> dict[object, object]:
    """The YAML between the card's first two `---` lines; which has to be harmless."""
    lines = card[:CARD_BYTES].decode("utf-8", "replace").lstrip("\ufeff").splitlines()
    if not lines or lines[0].strip() != "---":
        return {}
    body: list[str] = []
    for line in lines[1:]:
        if line.strip() == "---":
            return _safe_yaml("\n".join(body))
        body.append(line)
    return {}


def _safe_yaml(text: str) -> dict[object, object]:
    try:
        # Everything stays text: other loaders fail in many ways on values that are not what their tag says.
        fields = yaml.load(text, yaml.BaseLoader) if _is_harmless(text) else None  # noqa: S506 - it makes no objects
    except (yaml.YAMLError, ValueError, OverflowError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _is_harmless(text: str) -> bool:
    """Whether a YAML text is shallow and without anchors: otherwise a small text can cost much time or memory."""
    depth = 0
    for token in yaml.scan(text):
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > _MAX_CARD_DEPTH or isinstance(token, yaml.AliasToken | yaml.AnchorToken):
            return False
    return True
