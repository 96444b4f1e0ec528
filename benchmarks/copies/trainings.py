"""The points of all trainings, kept in a folder: what was trained once is read again, and a run that was ended goes on."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from safetensors.torch import load_file, save_file
from transformers import VitsModel

from benchmarks.copies.lessons import Lesson, lessons_of
from benchmarks.copies.training import Recipe, Tensors, fine_tune
from benchmarks.piper import PiperVoice
from benchmarks.voices import VOICES
from scoring.synthesis.vits.convert import convert

SENTENCES = (
    "Whose thin purse did the graceful lynx destroy?",
    "We set the table for three, and then we put one plate back.",
    "Is that Stokes with an F, or with a V?",
    "Shock my aunt if you like, but leave my uncle alone!",
    "The ferry leaves at noon, unless the fog comes in.",
    "Nobody told the baker that the flour had run out.",
    "Please hold the lamp a little closer to the map.",
    "Did your cousin really walk all the way from the harbour?",
    "A cold wind blew the washing over the garden wall.",
    "They measured the hall twice, and both times it was too short.",
    "Why would a librarian whisper in an empty room?",
    "The youngest child counted seven swans on the water.",
)
"""What is learnt from: the first half of them, and the second."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a training: what learnt, after `step` steps."""

    recipe: Recipe
    step: int
    loss: float
    path: Path

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.recipe.name}, step {self.step}"

    def learnt(self) -> Tensors:
        """What the training changed."""
        return load_file(self.path)

    def tensors(self, base: Tensors) -> Tensors:
        """The whole network's."""
        return {**base, **self.learnt()}


class Trainings:
    """Trainings of one base voice, kept below a folder."""

    def __init__(self, onnx: Path, folder: Path) -> None:
        self._onnx, self._folder = onnx, folder
        self._lessons: dict[str, Sequence[Lesson]] = {}

    @cached_property
    def base_folder(self) -> Path:
        """The converted base, as a repository."""
        target = self._folder / "base"
        if not (target / "voice.json").is_file():
            target.mkdir(parents=True, exist_ok=True)
            convert(self._onnx, self._onnx, target)
        return target

    @cached_property
    def base(self) -> Tensors:
        """The base's tensors."""
        return load_file(self.base_folder / "model.safetensors")

    def model(self) -> VitsModel:
        """The base, ready to speak or to learn."""
        model: VitsModel = VitsModel.from_pretrained(self.base_folder, local_files_only=True)
        model.train(False)
        return model.requires_grad_(False)

    @cached_property
    def _pupil(self) -> VitsModel:
        """The one network that learns, again and again."""
        return self.model()

    def points(self, recipe: Recipe, advance: Callable[[], None]) -> list[Point]:
        """The points of a training, in order; it is done where it was not yet."""
        digest = hashlib.sha256(repr((sorted(asdict(recipe).items()), SENTENCES)).encode()).hexdigest()[:8]
        folder = self._folder / f"{recipe.name.replace(' ', '_')}-{digest}"
        done = folder / "losses.txt"
        if not done.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            losses = []
            self._pupil.load_state_dict(dict(self.base), strict=False)
            for step, loss, learnt in fine_tune(self._pupil, recipe, self.lessons(recipe)):
                save_file(learnt, folder / f"{step}.safetensors")
                losses.append(f"{step} {loss:.4f}")
                advance()
            done.write_text("\n".join(losses) + "\n", encoding="utf-8")
        rows = [line.split() for line in done.read_text(encoding="utf-8").splitlines()]
        return [Point(recipe, int(step), float(loss), folder / f"{step}.safetensors") for step, loss in rows]

    def lessons(self, recipe: Recipe) -> Sequence[Lesson]:
        """What a recipe learns from."""
        if recipe.voice not in self._lessons:
            voice = next(each for each in VOICES if each.name == recipe.voice)
            ids, sounds = PiperVoice(self._onnx).ids(SENTENCES), voice.say(SENTENCES)
            self._lessons[recipe.voice] = lessons_of(self.model(), ids, sounds)
        half = len(SENTENCES) // 2
        return self._lessons[recipe.voice][recipe.texts * half : (recipe.texts + 1) * half]
