"""The standard profile's models: fetched from the hub on first use, loaded once, kept over rounds; and pinned in the first place."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scoring.errors import Code, PlatformError
from scoring.judges.panel import Judges
from scoring.judges.standard.models import (
    Device,
    ModelSource,
    Pin,
    Role,
    check_files,
    read_pins,
)
from scoring.model.pinned import LICENCES, SAFETENSORS, file_sha256, is_pickled
from workers.evaluation.pinned_repository import client, faults_of, only
from workers.hub.client import Hub, OnBytes
from workers.hub.repository import Repository
from workers.sandbox.convert_checkpoint import convert
from workers.sandbox.locked_tempdir import locked_tempdir


class StandardModels:
    """The judges that a file of pins names. `cache` is a folder for their models alone: no miner's repository lies in it."""

    def __init__(self, pins: Path | None, endpoint: str, cache: Path, device: Device = Device.CPU) -> None:
        self.pins, self.cache, self.device = pins, cache, device
        self._endpoint = endpoint
        self._judges: Judges | None = None

    def __call__(self, on_bytes: OnBytes) -> Judges:
        """The judges; raises InfrastructureFault where the pins, a model, the hub, the sandbox or the device is missing."""
        if self._judges is None:
            from scoring.judges.standard.load import load  # transformers takes seconds to import: only who judges waits

            pins = read_pins(self.pins)
            self._judges = load(pins, lambda pin: _fetch(self._endpoint, self.cache, pin, on_bytes), self.device)
        return self._judges


def _fetch(endpoint: str, cache: Path, pin: Pin, on_bytes: OnBytes) -> Path:
    """A `Fetch` by the hub's client. What lies in the cache is not asked for again, so a hub that is down takes no judge away."""
    ready = _converted(cache, pin)
    if ready.is_dir():
        return ready
    hub = client(endpoint, cache, pin.files)
    folder = hub.folder(pin.repo, pin.revision)
    if not folder.is_dir():
        with faults_of(pin.repo, Code.JUDGE_UNAVAILABLE):
            folder = hub.download(only(hub.describe(pin.repo, pin.revision), pin.files), on_bytes)
    if pin.checkpoint is None:
        return folder
    check_files(folder, pin.repo, pin.files)  # nothing but what was pinned is opened, be it in the sandbox
    with _conversion(cache, folder / pin.checkpoint) as made:
        _keep_ready(made, folder, ready)
    return ready


def pin_models(
    sources: Mapping[Role, ModelSource], endpoint: str, cache: Path, on_bytes: Callable[[Role], OnBytes]
) -> dict[Role, Pin]:
    """Pin each role's model to the revision that its branch names now, and to the bytes that come.

    Raises PlatformError(ARGUMENT_INVALID) for a repository without a file that its role needs, or under another licence than one
    that lets it be used, and InfrastructureFault.
    """
    return {role: _pin(role, sources[role], endpoint, cache, on_bytes(role)) for role in Role}


def _pin(role: Role, source: ModelSource, endpoint: str, cache: Path, on_bytes: OnBytes) -> Pin:
    asker = Hub(endpoint, cache / "asked")  # describes only: what is fetched depends on the answer
    with faults_of(source.repo, Code.JUDGE_UNAVAILABLE):
        described = asker.describe(source.repo, asker.resolve(source.repo, source.ref))
    licence = _licence(role, source, described)
    names = _needed(role, source, described)
    with faults_of(source.repo, Code.JUDGE_UNAVAILABLE):
        folder = client(endpoint, cache, names).download(only(described, names), on_bytes)
    found: dict[str, object] = {
        "repo": source.repo,
        "revision": described.revision,
        "licence": licence,
        "files": {name: file_sha256(folder / name) for name in names},
    }
    pickled = next((name for name in names if is_pickled(name)), None)
    if pickled is None:
        return Pin.model_validate(found)
    with _conversion(cache, folder / pickled) as made:
        pin = Pin.model_validate(found | {"converted": file_sha256(made)})
        _keep_ready(made, folder, _converted(cache, pin))
    return pin


def _licence(role: Role, source: ModelSource, described: Repository) -> str:
    allowed = LICENCES if source.licence is None else {source.licence}
    if described.licence is None or described.licence not in allowed:
        stated = f"is published under {described.licence[:40]!r}" if described.licence else "states no licence"
        raise PlatformError(
            Code.ARGUMENT_INVALID,
            f"{role}: {source.repo} at {source.ref} {stated}; a judge is used under {', '.join(sorted(allowed))}",
        )
    return described.licence


def _needed(role: Role, source: ModelSource, described: Repository) -> tuple[str, ...]:
    """The files to fetch: all of `files`, and the first of `weights` that there is."""
    there = {file.path for file in described.files}
    weights = next((name for name in source.weights if name in there), None)
    missing = sorted(set(source.files) - there) + ([] if weights else [" or ".join(source.weights)])
    if missing or weights is None:
        raise PlatformError(
            Code.ARGUMENT_INVALID,
            f"{role}: {source.repo} at {source.ref} holds no {', '.join(missing)}: name another repository with --repo, or a branch",
        )
    return (*source.files, weights)


def _converted(cache: Path, pin: Pin) -> Path:
    """The folder of a model whose checkpoint was converted; there is none for a model that was published as safetensors."""
    return cache / "converted" / pin.digest


@contextmanager
def _conversion(cache: Path, checkpoint: Path) -> Iterator[Path]:
    """Safetensors made of a checkpoint, there for as long as the context lasts; raises InfrastructureFault."""
    with locked_tempdir(cache / "conversions", "part-") as part:
        made = part / SAFETENSORS
        convert(cache / "conversions", checkpoint, made)
        yield made


def _keep_ready(made: Path, folder: Path, ready: Path) -> None:
    """Put the safetensors and copies of the folder's other files together, all at once; a folder that is there stays."""
    whole = made.parent / "ready"
    whole.mkdir()
    made.replace(whole / SAFETENSORS)
    for file in folder.iterdir():
        if file.is_file() and not is_pickled(file.name):
            shutil.copyfile(file, whole / file.name)
    ready.parent.mkdir(parents=True, exist_ok=True)
    if not ready.is_dir():
        whole.replace(ready)
