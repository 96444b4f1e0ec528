"""The studies' results as files, each measured once, on a named version of the judges."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from scoring.schema import StrictModel, read_measured
from scoring.studies.manipulations.losses import Loss
from scoring.studies.manipulations.manipulation import Manipulation


class AttackedVoice(StrictModel):
    """A voice's score unharmed (0 … 1), the share that each manipulation takes from it, and the points that throwing something away
    gains (none where that was not measured); `rate` of its clips in Hz."""

    synthesis: str
    rate: int
    score: float
    losses: Mapping[Manipulation, float]
    gains: Mapping[Loss, float]


class AttackStudy(StrictModel):
    """`make study-attacks`: `clips` were judged per voice; `absent` names the voices that could not speak, with what they need."""

    clips: int
    absent: tuple[str, ...]
    profile_hash: str
    voices: Mapping[str, AttackedVoice]


class OrderRow(StrictModel):
    """One voice on one prompt set: scores by condition, best first by ear, and rank agreement with that order."""

    voice: str
    prompts: int
    scores: Mapping[str, float]
    spearman: float
    kendall: float


class OrderStudy(StrictModel):
    """`make study-order`: `samples` were judged per condition; `order` says what each condition is, best first."""

    order: Mapping[str, str]
    samples: int
    profile_hash: str
    rows: tuple[OrderRow, ...]

    @property
    def ranks(self) -> tuple[int, ...]:
        """The order as numbers, the best condition's the largest."""
        return tuple(range(len(self.order), 0, -1))

    @property
    def tied(self) -> tuple[int, ...]:
        """The same with the two worst conditions equal."""
        return (*self.ranks[:-2], 1, 1)


class JudgedVoice(StrictModel):
    """A voice's clips as the score sees them; `factors` and `metrics` are means, `saturated` shares of clips at utility 1."""

    kind: str
    score: float
    clips: tuple[float, ...]
    """Each sample's score, in the order of the texts."""
    gated: int
    """Clips that a gate kept out."""
    factors: Mapping[str, float]
    saturated: Mapping[str, float]
    metrics: Mapping[str, float]


class OrderClaim(StrictModel):
    """Clips of the `better` kinds score above those of the `worse` ones, same text, in this share of pairs; the target is `least`."""

    better: tuple[str, ...]
    worse: tuple[str, ...]
    least: float
    share: float


LEAST_VOICE_GAP = 0.25
"""Asked between the mean scores of any neural voice and any formant or Klatt voice."""


class VoicesStudy(StrictModel):
    """`make study-voices`: every voice said the same texts. `gap` is the least one between a neural and a formant voice's mean."""

    profile_hash: str
    texts: int
    half: str
    voices: Mapping[str, JudgedVoice]
    claims: tuple[OrderClaim, ...]
    gap: float | None
    absent: tuple[str, ...]
    """Voices that could not speak, each with what it needs."""


class AttackResult(StrictModel):
    """One white-box attack on one voice: scores 0 … 1 of the real judges on 16-bit sound before and after, and naturalness alone."""

    attack: str
    learnt_on: str
    voice: str
    kind: str
    before: float
    after: float
    natural_before: float
    natural_after: float

    @property
    def gain(self) -> float:
        """Points of the score."""
        return self.after - self.before


MACHINES = ("formant", "klatt")
"""Kinds of voices that no listener takes for a person."""
LEAST_GAP, MOST_GAIN = 0.1, 0.05
"""What is asked of white-box attacks: an attacked machine stays so far below the lowest unharmed neural voice, and no voice gains more."""


class WhiteboxStudy(StrictModel):
    """`make study-whitebox`: `texts` were judged per voice and attack; `learnt` is how many others an attack was learnt on."""

    profile_hash: str
    texts: int
    learnt: int
    steps: int
    lowest_neural: float | None
    """Least unharmed score of a neural voice, None without one."""
    results: tuple[AttackResult, ...]
    absent: tuple[str, ...]

    @property
    def most_gain(self) -> float:
        """The largest gain of all."""
        return max(result.gain for result in self.results)

    @property
    def least_gap(self) -> float | None:
        """How far the best attacked formant voice stays below the lowest neural one."""
        attacked = [result.after for result in self.results if result.kind in MACHINES]
        return None if self.lowest_neural is None or not attacked else self.lowest_neural - max(attacked)


class PairShare(StrictModel):
    """Two models: the share of variance common to a round, with its 95 % interval."""

    pair: tuple[str, str]
    estimate: float
    low: float
    high: float
    f: float
    rounds: int
    groups: int
    mean: float
    sd: float


class RoundVarianceStudy(StrictModel):
    """`make study-round-variance`: D is clipped at ± `clip`."""

    clip: float
    profile_hash: str
    pairs: tuple[PairShare, ...]


class Measured(StrictModel):
    """All of them."""

    voices: VoicesStudy
    attacks: AttackStudy
    whitebox: WhiteboxStudy
    order: OrderStudy
    round_variance: RoundVarianceStudy


def read(folder: Path) -> Measured:
    """The studies' files in a folder; raises PlatformError(ARGUMENT_INVALID) for one that is missing or not of this form."""
    return Measured(
        voices=read_measured(folder / "voices.json", VoicesStudy),
        whitebox=read_measured(folder / "whitebox.json", WhiteboxStudy),
        attacks=read_measured(folder / "attacks.json", AttackStudy),
        order=read_measured(folder / "order.json", OrderStudy),
        round_variance=read_measured(folder / "round_variance.json", RoundVarianceStudy),
    )


def write(found: BaseModel, path: Path) -> None:
    """Write one study's result."""
    path.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
