"""A family's parts are pinned: fetched as they are published now, opened once, and written down with revision and checksums."""

import base64
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scoring.audio.audio import Audio, from_pcm
from scoring.errors import Code, PlatformError
from scoring.model.pinned import LICENCES, SAFETENSORS, file_sha256, is_pickled
from scoring.synthesis.make_parts import maker
from scoring.synthesis.parts import PartSource, PinnedPart
from workers.evaluation.parts import unpickle
from workers.evaluation.pinned_repository import client, faults_of, only
from workers.hub.client import Hub, OnBytes
from workers.hub.repository import Repository
from workers.sandbox.locked_tempdir import locked_tempdir
from workers.sandbox.sandbox import Sandbox

_SOUND = (".wav", ".flac", ".ogg")
_MOST_SECONDS = 60.0


def pin_parts(
    family: str, sources: Mapping[str, PartSource], endpoint: str, cache: Path, on_bytes: Callable[[str], OnBytes]
) -> dict[str, PinnedPart]:
    """Pin each part to the revision that its branch names now, to the bytes that come, and to what is made of them.

    A recording is decoded, and a pickled checkpoint converted, in the sandbox. Raises PlatformError(ARGUMENT_INVALID) for a repository
    without a file that is needed, under a licence that does not let anybody use it, or of another form than the family reads, and
    InfrastructureFault.
    """
    fields: dict[str, dict[str, object]] = {}
    folders: dict[str, Path] = {}
    with locked_tempdir(cache, ".opening-") as opening:
        for name, source in sources.items():
            described = _described(name, source, endpoint, cache)
            with faults_of(source.repo, Code.PART_UNAVAILABLE):
                folder = client(endpoint, cache / "fetched", source.files).download(described, on_bytes(name))
            fields[name] = {
                "repo": source.repo,
                "revision": described.revision,
                "licence": source.licence or described.licence,
                "files": {path: file_sha256(folder / path) for path in source.files},
            }
            folders[name] = folder
            if any(map(is_pickled, source.files)):
                folders[name] = _unpickled(folder, source.files, opening / name, cache)
                fields[name]["converted"] = file_sha256(folders[name] / SAFETENSORS)
        made = _made(family, folders, sources, cache)
    return {name: PinnedPart.model_validate(found | {"made": made.get(name, {})}) for name, found in fields.items()}


def _described(name: str, source: PartSource, endpoint: str, cache: Path) -> Repository:
    """The repository's files that make the part, at the revision that its branch names."""
    asker = Hub(endpoint, cache / "asked")
    with faults_of(source.repo, Code.PART_UNAVAILABLE):
        described = asker.describe(source.repo, asker.resolve(source.repo, source.ref))
    if missing := sorted(set(source.files) - {file.path for file in described.files}):
        raise PlatformError(Code.ARGUMENT_INVALID, f"{name}: {source.repo} at {source.ref} holds no {', '.join(missing)}")
    if source.licence is None and described.licence not in LICENCES:
        stated = f"is published under {described.licence[:40]!r}" if described.licence else "states no licence"
        allowed = ", ".join(sorted(LICENCES))
        raise PlatformError(
            Code.ARGUMENT_INVALID, f"{name}: {source.repo} at {source.ref} {stated}; a part is used under {allowed}"
        )
    return only(described, source.files)


def _unpickled(folder: Path, files: Sequence[str], target: Path, cache: Path) -> Path:
    """A part's files as an adapter opens them, in `target`."""
    for path in files:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        if is_pickled(path):
            unpickle(cache, folder / path, target)
        else:
            shutil.copyfile(folder / path, target / path)
    return target


def _made(
    family: str, folders: Mapping[str, Path], sources: Mapping[str, PartSource], cache: Path
) -> Mapping[str, Mapping[str, str]]:
    """What the family makes of its parts' files, in base64."""
    recordings: dict[str, Audio] = {}
    for name, source in sources.items():
        sounds = [path for path in source.files if path.lower().endswith(_SOUND)]
        if len(sounds) > 1:
            raise PlatformError(Code.ARGUMENT_INVALID, f"{name}: one recording makes a voice, and there are {', '.join(sounds)}")
        for path in sounds:
            recordings[name] = _decoded(folders[name] / path, cache)
    try:
        made = maker(family)(folders, recordings)
    except (ValueError, KeyError, RuntimeError, OSError) as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"the parts do not fit the family {family}: {exc}") from exc
    return {name: {file: base64.b64encode(content).decode() for file, content in files.items()} for name, files in made.items()}


def _decoded(path: Path, cache: Path) -> Audio:
    decoded = Sandbox(cache / "scratch").decode(path.read_bytes(), _MOST_SECONDS)
    return from_pcm(decoded.pcm, decoded.rate)
