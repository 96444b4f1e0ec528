"""The near-copies that an evaluation came upon: a model and an earlier one of another's, with what was measured of the two."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field

from scoring.model.copy_rules import CopyRules
from scoring.schema import StrictModel
from scoring.types import MICRO, NANO, ContentHash, Entrant, Micro, Nano

MOST_NEAR = 64
"""A receipt names so many at most."""
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,96}@[0-9]{1,18}$")]
_Distance = Annotated[int, Field(ge=0, le=NANO)] | None
_Share = Annotated[int, Field(ge=0, le=MICRO)] | None
_Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0, lt=2**63)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NearCopy:
    """A submission that is near an earlier one of another hotkey's. Of measures that were not taken there is None."""

    entrant: Entrant
    original: Entrant
    distance: Nano | None
    """Of the weights, in integers of 1e-9: less is nearer."""
    by_files: bool
    """Whether it was measured on both models' files (`scoring.model.repetition`), as everybody can again, or on their sketches
    (`scoring.model.nearness`), which only who has their secret key can."""
    base: ContentHash | None
    """The base that the distance is measured from; None where none is known."""
    compared: int
    """Numbers of trained tensors that the distance rests on."""
    sound: Micro | None
    """Similarity of the sounds of one round, in integers of 1e-6: more is nearer (`scoring.audio.similarity`)."""
    prompts: int
    """Prompts whose sounds were compared."""

    def is_near(self, rules: CopyRules) -> bool:
        """Whether either measure is beyond the threshold of the rules."""
        by_weights = self.distance is not None and self.distance <= most_distance(rules, self.base, by_files=self.by_files)
        by_weights = by_weights and self.compared >= rules.least_compared
        return by_weights or (self.sound is not None and self.sound >= rules.sound * MICRO)

    def to_json(self) -> dict[str, Any]:
        """The near-copy in a receipt's form."""
        return asdict(self)


class NearCopyRead(StrictModel):
    """A near-copy in a receipt."""

    entrant: _Name
    original: _Name
    distance: _Distance
    by_files: bool
    base: _Hash | None
    compared: _Count
    sound: _Share
    prompts: _Count

    def near_copy(self) -> NearCopy:
        """As it was measured."""
        return NearCopy(
            entrant=Entrant(self.entrant),
            original=Entrant(self.original),
            distance=None if self.distance is None else Nano(self.distance),
            by_files=self.by_files,
            base=None if self.base is None else ContentHash(self.base),
            compared=self.compared,
            sound=None if self.sound is None else Micro(self.sound),
            prompts=self.prompts,
        )


def most_distance(rules: CopyRules, base: ContentHash | None, *, by_files: bool) -> Nano:
    """The most distance of weights that is near, by what it was measured on, and whether the base of both is known."""
    if by_files:
        return Nano(round(rules.distance_by_files * NANO))
    return Nano(round((rules.distance_without_base if base is None else rules.distance) * NANO))


def first_fault(found: Sequence[NearCopy], subject: Entrant, rules: CopyRules) -> str:
    """The first reason for which a receipt on a submission may not name these near-copies; '' where it may."""
    for each in found:
        if subject not in (each.entrant, each.original) or each.entrant == each.original:
            return f"it says that {each.entrant} is near {each.original}, and is about {subject}"
        if not each.is_near(rules):
            return f"it calls {each.entrant} near {each.original}, whose measures are within the rules"
    return ""


def in_words(found: NearCopy, rules: CopyRules) -> str:
    """What was measured, beside the thresholds, for the owner and the operator."""
    parts = []
    if found.distance is not None:
        most = most_distance(rules, found.base, by_files=found.by_files) / NANO
        beside = "" if found.base else ", as no base of both is known"
        measured = "files" if found.by_files else "sketches"
        parts.append(
            f"weights at a distance of {found.distance / NANO:.9f}, told by their {measured} (near up to {most:g}{beside})"
        )
    if found.sound is not None:
        parts.append(f"sounds with a similarity of {found.sound / MICRO:.6f} (near from {rules.sound:g} on)")
    return ", ".join(parts)
