"""The study's result as it is kept: counts, thresholds and rates, from which docs/copies.md is rendered."""

from collections.abc import Iterable
from pathlib import Path

from scoring.schema import StrictModel, read_measured
from scoring.studies.simulation.estimates import rate

MOST_LOSS = 0.02
"""Points of score up to which a copy has to be found: whoever changes more has paid."""
SILENT = 1e-4
"""1 − likeness that nobody hears."""
SAFE_SOUND = 1e-6
"""1 − likeness of the same network with its sums in another order, and some way more: permuted channels measure 6e-9."""
LEAST_COMPARED = 10_000
"""Numbers of trained tensors that both have: over fewer a distance of weights says nothing."""
WEIGHTS_MARGIN, FILES_MARGIN, SOUND_MARGIN = 0.6, 0.6, 0.3
"""A threshold is this share of the least distance of any honest pair of the half that chooses. Of sound it is the smaller one: a round has
many more clips than are compared here, and those that are most alike decide."""
LEAST_RECALL, MOST_FALSE = 0.99, 0.005
"""What is asked of the thresholds."""


class Share(StrictModel):
    """So many of so many."""

    found: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, at 95 %; of nothing it is everything."""
        if self.of == 0:
            return 0.0, 1.0
        found = rate(self.found, self.of)
        return found.low, found.high

    @property
    def words(self) -> str:
        """Percent with the interval."""
        low, high = self.interval
        return f"{self.found} of {self.of:,} ({100 * low:.2f} … {100 * high:.2f} %)"


class Thresholds(StrictModel):
    """Below them a pair is near."""

    weights: float
    """Distance of weights by sketches."""
    files: float
    """Distance of weights by files."""
    sound: float
    """1 − likeness of the clips that are most alike."""
    beyond_base: float
    """The same as a share of the difference to the base's clip: a rule for whoever lets the base speak, too."""


class HonestRow(StrictModel):
    """One kind of honest pairs, on the half that did not choose the thresholds (what was drawn at random chose nothing)."""

    kind: str
    trainings: int
    """Pairs of trainings, of which these are pairs of points."""
    least: float | None
    """Of the distances of weights that count; None where no pair has enough numbers in common."""
    by_weights: Share
    least_files: float | None
    """Of the distances by files; None where no pair has enough parts in common. Whichever of the two came first."""
    by_files: Share
    by_sound: Share
    """Of those pairs whose sound was compared; so are the others."""
    beyond_base: Share
    least_sound: float | None
    least_beyond_base: float | None


class RewriteRow(StrictModel):
    """One rewrite at one strength, on the victims of the half that did not choose the thresholds."""

    name: str
    strength: str
    distance: float
    """The largest of weights, by sketches."""
    files: float | None
    """The largest by files; None where they tell nothing of any victim."""
    sound: float
    """The largest 1 − likeness, each victim's clip that changed least."""
    by_weights: Share
    by_files: Share
    by_sound: Share
    beyond_base: Share
    by_sketch_or_sound: Share
    """Without either's files."""
    by_any: Share
    loss: float | None
    """Points of score, mean over the victims that were judged."""


class KeyRow(StrictModel):
    """One copy with noise, measured by sketches of several keys."""

    strength: str
    least: float
    most: float


class LargeFile(StrictModel):
    """Reading, hashing and sketching one large file."""

    gigabytes: float
    cold: bool
    """Whether the page cache held nothing of it."""
    load: float
    """Processes that wanted a core, in the mean of the minute before: beyond the machine's cores, seconds are others' too."""
    read: float
    """Seconds."""
    fingerprint: float
    sketch: float
    fingerprint_cpu: float
    """Seconds of this process on a core."""
    sketch_cpu: float
    peak_megabytes: float


class CopyStudy(StrictModel):
    """`make bench-copies`."""

    profile_hash: str
    prompts: int
    trainings: int
    points: int
    base_score: float
    scores: tuple[float, ...]
    """Of each victim that was judged."""
    changes: tuple[float, float]
    """Least and largest of what training changed of a victim's weights: half of the trained numbers moved by more, as a share of their
    tensors' norms."""
    looks: int
    """How often the half that is reported was looked at before this run."""
    thresholds: Thresholds
    honest: tuple[HonestRow, ...]
    rewrites: tuple[RewriteRow, ...]
    keys: tuple[KeyRow, ...]
    large: tuple[LargeFile, ...]

    @property
    def recall(self) -> Share:
        """Copies found, of all rewrites up to the strength at which the score falls by .02."""
        return _sum(row.by_any for row in self.rewrites if not self.is_paid(row))

    @property
    def recall_without_files(self) -> Share:
        """The same where the worker has not both models' files."""
        return _sum(row.by_sketch_or_sound for row in self.rewrites if not self.is_paid(row))

    @property
    def silent_recall(self) -> Share:
        """Copies found, of the rewrites that change no clip by more than a ten-thousandth."""
        return _sum(row.by_any for row in self.rewrites if row.sound < SILENT)

    def is_paid(self, row: RewriteRow) -> bool:
        """Whether the rewrite takes more than that from the score, at this strength and at every greater one: a single loss has noise."""
        same = [each for each in self.rewrites if each.name == row.name]
        return all(each.loss is not None and each.loss > MOST_LOSS for each in same[same.index(row) :])


def _sum(shares: Iterable[Share]) -> Share:
    found = list(shares)
    return Share(found=sum(each.found for each in found), of=sum(each.of for each in found))


def read(path: Path) -> CopyStudy:
    """The result in a file; raises PlatformError(ARGUMENT_INVALID) for one that is missing or not of this form."""
    return read_measured(path, CopyStudy)
