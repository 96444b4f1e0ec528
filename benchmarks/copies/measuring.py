"""Sketch, change and sound of a network, kept in a folder by the network's name: a run that was ended goes on."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from benchmarks.copies.speaking import Speaker
from benchmarks.copies.training import Tensors
from scoring.audio import similarity as similarity_code
from scoring.audio.similarity import similarity
from scoring.model import nearness as nearness_code
from scoring.model import repetition as repetition_code
from scoring.model import unit_order as unit_order_code
from scoring.model.folded_tensors import folded
from scoring.model.nearness import PRECISIONS, Base, base_of, nearness
from scoring.model.repetition import LEAST_PARTS, changed, distances, parts_of
from scoring.model.sketch import Sketch, SketchKey, sketch
from scoring.model.unit_order import Numbers
from scoring.progress import NO_PROGRESS

MEMORY = Path("/dev/shm")
"""Where a network is written for its sketch: faster than a disk, where there is one."""
KEY = SketchKey(1, bytes(32))
"""Known to everybody, which no database's is: no rewrite of this study makes use of that."""
LEAST_CHANGE = 1e-7
"""Of a sound, as 1 minus likeness: below, 16 bits tell nothing."""


Learnt = Callable[[], Tensors]
"""What a training or a rewrite changed: loaded or made when it is asked for."""
Changes = Mapping[str, Numbers]
"""What training did to each tensor, in the base's order of units."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A network's sketch, its clips of the prompts, 16 bits (none where it was not asked to speak), and how to get its tensors that differ
    from the base's."""

    sketch: Sketch
    clips: Sequence[bytes]
    learnt: Learnt


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two networks: the distance of their weights (0 the same … 1 nothing in common), how many numbers it rests on, and of each clip
    the likeness (1 the same), with what is left of the difference to the base."""

    one: str
    other: str
    weights: float
    """By sketches."""
    compared: int
    files: float | None = None
    """Distance by files, of the other one as a copy of the one; None where too few parts of the network were trained in both."""
    files_reversed: float | None = None
    """The same of the one as a copy of the other."""
    likeness: Sequence[float] = ()
    shares: Sequence[float] = ()
    """Of each clip `(1 − likeness) / (1 − likeness to the base)`, to the base's clip that either of them is nearer to: about 1 and more of
    two trainings that have nothing to do with each other, 0 of a copy."""

    @property
    def files_either(self) -> float | None:
        """The least of both, as either of two honest ones may have committed first."""
        return None if self.files is None or self.files_reversed is None else min(self.files, self.files_reversed)

    @property
    def sound(self) -> float:
        """1 − likeness of the clips that are most alike: one symbol that lasts a frame longer gives the rest of a clip other noise."""
        return 1.0 - max(self.likeness)

    @property
    def beyond_base(self) -> float:
        """The least share."""
        return min(self.shares)


@dataclass(slots=True)
class Laboratory:
    """The base, who speaks, and what was measured already."""

    base_folder: Path
    base: Tensors
    speaker: Speaker
    folder: Path
    _bases: list[Base] = field(default_factory=list)
    _base: Measured | None = None
    _pairs: dict[str, dict[str, Any]] = field(default_factory=dict)
    _published: dict[str, Sequence[Numbers]] = field(default_factory=dict)
    _changes: dict[str, Changes] = field(default_factory=dict)

    def prepare(self) -> None:
        """Measure the base; what was measured with another sketch is thrown away."""
        self._bases.append(base_of(self.base_folder, KEY, NO_PROGRESS))
        for tensor in folded(self.base_folder):
            self._published[tensor.name] = [tensor.whole(saved_as) for saved_as in PRECISIONS]
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp = self.folder / "sketch.sha256"
        own = hashlib.sha256(self._bases[0].sketches[0].to_bytes()).hexdigest()
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != own:
            for path in (*self.folder.glob("*.sketch"), *self.folder.glob("pairs-*.json")):
                path.unlink()
            stamp.write_text(own, encoding="utf-8")
        self._base = self.measure("base", dict)
        if self._pairs_file.is_file():
            self._pairs = json.loads(self._pairs_file.read_text(encoding="utf-8"))

    def measure(self, name: str, learnt: Learnt, settings: Mapping[str, float] | None = None, speaks: bool = True) -> Measured:
        """Sketch and clips of the base with some of its tensors changed; what was measured under the name before is not measured again."""
        clips, path = self._known_clips(name), self._path(name, ".sketch")
        if speaks and not clips:
            clips = self.speaker.say({**self.base, **learnt()}, settings)
            _keep(self._path(name, ".npz"), clips)
        if not path.is_file():
            half = path.with_suffix(".half")
            half.write_bytes(self._sketch(learnt()).to_bytes())
            half.rename(path)
        return Measured(Sketch.from_bytes(path.read_bytes()), clips, learnt)

    def _known_clips(self, name: str) -> Sequence[bytes]:
        """What was said under a name before, whatever its weights were measured with."""
        path = self._path(name, ".npz")
        if not path.is_file():
            return []
        with np.load(path) as kept:
            return [kept[key].tobytes() for key in sorted(kept)]

    def _path(self, name: str, suffix: str) -> Path:
        return self.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:20]}{suffix}"

    def _sketch(self, learnt: Tensors) -> Sketch:
        """The changed tensors' sketches beside the base's own."""
        own = self._bases[0].sketches[0]
        if not learnt:
            return own
        with self.written(learnt) as folder:
            return Sketch({**own.tensors, **sketch(folder, KEY, NO_PROGRESS).tensors})

    @contextmanager
    def written(self, tensors: Tensors) -> Iterator[Path]:
        """A repository with these tensors alone, for as long as the context lasts."""
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
            folder = Path(name)
            shutil.copy(self.base_folder / "config.json", folder)
            save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, folder / "model.safetensors")
            yield folder

    def _changes_of(self, name: str, measured: Measured) -> Changes:
        """What was learnt, tensor by tensor; kept until `forget`."""
        if name not in self._changes:
            found: dict[str, Numbers] = {}
            with self.written(measured.learnt()) as folder:
                for tensor in folded(folder):
                    published = self._published.get(tensor.name)
                    change = None if published is None else changed(published[0], tensor.whole(), published[1:])
                    if change is not None:
                        found[tensor.name] = change
            self._changes[name] = found
        return self._changes[name]

    def forget(self, name: str | None = None) -> None:
        """Let go of the changes in memory, of one network or of all."""
        for each in list(self._changes) if name is None else [name]:
            self._changes.pop(each, None)

    def pair(self, one: tuple[str, Measured], other: tuple[str, Measured]) -> Pair:
        """Two networks, compared."""
        name = f"{one[0]} | {other[0]}"
        if name not in self._pairs:
            self._pairs[name] = asdict(self._compared(one, other))
        return Pair(**self._pairs[name])

    def remember(self) -> None:
        """Keep the pairs that were compared."""
        half = self._pairs_file.with_suffix(".half")
        half.write_text(json.dumps(self._pairs), encoding="utf-8")
        half.rename(self._pairs_file)

    @property
    def _pairs_file(self) -> Path:
        """Named by the code that compares: with another everything is compared anew."""
        modules = (nearness_code, similarity_code, repetition_code, unit_order_code)
        code = b"".join(Path(module.__file__ or "").read_bytes() for module in modules)
        return self.folder / f"pairs-{hashlib.sha256(code).hexdigest()[:12]}.json"

    def _compared(self, one: tuple[str, Measured], other: tuple[str, Measured]) -> Pair:
        found = nearness(one[1].sketch, other[1].sketch, self._bases)
        likeness = [similarity(*clips) for clips in zip(one[1].clips, other[1].clips, strict=False)]
        original, copy = self._changes_of(*one), self._changes_of(*other)
        parts = [part for name in sorted(original.keys() & copy.keys()) for part in parts_of(copy[name], original[name])]
        told = distances(parts) if len(parts) >= LEAST_PARTS else None
        return Pair(
            one=one[0],
            other=other[0],
            weights=found.distance,
            compared=found.compared,
            files=None if told is None else told.as_copy,
            files_reversed=None if told is None else told.as_original,
            likeness=likeness,
            shares=[self._share(*each) for each in zip(likeness, one[1].clips, other[1].clips, self._own.clips, strict=False)],
        )

    @property
    def _own(self) -> Measured:
        if self._base is None:
            raise RuntimeError("prepare the laboratory first")
        return self._base

    def _share(self, likeness: float, one: bytes, other: bytes, base: bytes) -> float:
        nearest = max(_likeness(one, base), _likeness(other, base))
        return (1.0 - likeness) / max(1.0 - nearest, LEAST_CHANGE)


def _keep(path: Path, clips: Sequence[bytes]) -> None:
    """Whole or not at all: a run may be ended at any time."""
    half = path.with_suffix(".half.npz")
    np.savez(half, **{f"clip{number}": np.frombuffer(clip, np.uint8) for number, clip in enumerate(clips)})  # type: ignore[arg-type]
    half.rename(path)


@lru_cache(4096)
def _likeness(clip: bytes, base: bytes) -> float:
    """To the base's clip, which is asked again in every pair."""
    return similarity(clip, base)


def draw(name: str) -> torch.Generator:
    """A random stream of its own by name."""
    return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big"))
