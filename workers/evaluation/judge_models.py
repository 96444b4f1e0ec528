"""The standard profile's models: fetched from the hub on first use, loaded once, kept over rounds; and pinned in the first place."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scoring.errors import Code, InfrastructureFault, PlatformError, SubmissionFault
from scoring.judges.panel import Judges
from scoring.judges.standard.models import Device, ModelSource, Pin, Role, file_sha256, read_pins
from workers.hub.client import Hub, OnBytes
from workers.hub.repository import Repository


class StandardModels:
    """The judges that a file of pins names. `cache` is a folder for their models alone: no miner's repository lies in it."""

    def __init__(self, pins: Path | None, endpoint: str, cache: Path, device: Device = Device.CPU) -> None:
        self.pins, self.cache, self.device = pins, cache, device
        self._endpoint = endpoint
        self._judges: Judges | None = None

    def __call__(self, on_bytes: OnBytes) -> Judges:
        """The judges; raises InfrastructureFault where the pins, a model, the hub or the device is missing."""
        if self._judges is None:
            from scoring.judges.standard.load import load  # transformers takes seconds to import: only who judges waits

            pins = read_pins(self.pins)
            self._judges = load(pins, lambda pin: _fetch(self._endpoint, self.cache, pin, on_bytes), self.device)
        return self._judges


def _fetch(endpoint: str, cache: Path, pin: Pin, on_bytes: OnBytes) -> Path:
    """A `Fetch` by the hub's client. What lies in the cache is not asked for again, so a hub that is down takes no judge away."""
    hub = _client(endpoint, cache, pin.files)
    folder = hub.folder(pin.repo, pin.revision)
    if folder.is_dir():
        return folder
    with _ours(pin.repo):
        return hub.download(_only(hub.describe(pin.repo, pin.revision), pin.files), on_bytes)


def pin_models(
    sources: Mapping[Role, ModelSource], endpoint: str, cache: Path, on_bytes: Callable[[Role], OnBytes]
) -> dict[Role, Pin]:
    """Pin each role's model to the revision that its branch names now, and to the bytes that come.

    Raises PlatformError(ARGUMENT_INVALID) for a role without a repository or without a file that it needs, InfrastructureFault.
    """
    if missing := [role.value for role in Role if sources[role].repo is None]:
        raise PlatformError(
            Code.ARGUMENT_INVALID,
            f"no public repository has {', '.join(missing)} as safetensors: name yours with --repo ROLE=REPO",
        )
    return {role: _pin(role, sources[role], endpoint, cache, on_bytes(role)) for role in Role}


def _pin(role: Role, source: ModelSource, endpoint: str, cache: Path, on_bytes: OnBytes) -> Pin:
    hub, repo = _client(endpoint, cache, source.files), str(source.repo)
    with _ours(repo):
        found = _only(hub.describe(repo, hub.resolve(repo, source.ref)), source.files)
        if missing := sorted(set(source.files) - {file.path for file in found.files}):
            raise PlatformError(
                Code.ARGUMENT_INVALID,
                f"{role}: {repo} at {source.ref} holds no {', '.join(missing)}: name another repository with --repo, or a branch",
            )
        folder = hub.download(found, on_bytes)
    return Pin(repo=repo, revision=found.revision, files={name: file_sha256(folder / name) for name in source.files})


def _client(endpoint: str, cache: Path, files: Iterable[str]) -> Hub:
    """A client whose cache holds these files of a repository and no others: the same repository may be asked for other files."""
    return Hub(endpoint, cache / hashlib.sha256("\n".join(sorted(files)).encode()).hexdigest()[:16])


def _only(repository: Repository, files: Iterable[str]) -> Repository:
    wanted = set(files)
    return replace(repository, files=tuple(file for file in repository.files if file.path in wanted))


@contextmanager
def _ours(repo: str) -> Iterator[None]:
    """Turn a fault of a repository into ours: a judge's repository is no miner's."""
    try:
        yield
    except SubmissionFault as fault:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{repo}: {fault.detail}") from fault
