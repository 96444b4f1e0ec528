"""Files of the judges' folder that a model hub publishes too: the same bytes can be had where a package is gone."""

from collections.abc import Iterable
from pathlib import Path

from scoring.errors import Code, InfrastructureFault, PlatformError
from scoring.judges import weights
from scoring.judges.weights import HubFile, WeightsFile
from workers.evaluation.pinned_repository import client, faults_of, only
from workers.hub.client import OnBytes


def fill(folder: Path, endpoint: str, cache: Path, on_bytes: OnBytes, files: Iterable[WeightsFile] = weights.EVERY) -> int:
    """Bring what the judges' folder lacks of these files from the hub, each by its checksum; return how many came.

    What no hub publishes is left to `voice worker prepare judges`. Raises InfrastructureFault where a repository or one of its files
    is not to be had or is another one, PlatformError(SETTING_INVALID) where the folder cannot be written; no file is then half there.
    """
    lacking = [file for file in weights.lacking(folder, files) if isinstance(file, HubFile)]
    for repo in sorted({file.repository for file in lacking}):
        _bring(folder, _downloaded(repo, [file for file in lacking if file.repository == repo], endpoint, cache, on_bytes))
    return len(lacking)


def _downloaded(repo: str, files: list[HubFile], endpoint: str, cache: Path, on_bytes: OnBytes) -> dict[HubFile, bytes]:
    """Each file's content, checked against what this version was built for."""
    names = [file.name for file in files]
    hub = client(endpoint, cache, names)
    with faults_of(repo, Code.JUDGE_UNAVAILABLE):
        described = only(hub.describe(repo, hub.resolve(repo, "main")), names)
        if missing := sorted(set(names) - {file.path for file in described.files}):
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{repo} holds no {', '.join(missing)}")
        source = hub.download(described, on_bytes)
    found = {file: (source / file.name).read_bytes() for file in files}
    for file, content in found.items():
        if not weights.is_right(file, content):
            raise InfrastructureFault(
                Code.JUDGE_UNAVAILABLE, f"{file.name} of {repo} is not the file that this version was built for"
            )
    return found


def _bring(folder: Path, contents: dict[HubFile, bytes]) -> None:
    for file, content in contents.items():
        target = folder / file.path
        part = target.with_name(f".{target.name}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            part.replace(target)
        except OSError as exc:
            part.unlink(missing_ok=True)
            raise PlatformError(Code.SETTING_INVALID, f"{target} cannot be written: {exc.strerror}") from exc
