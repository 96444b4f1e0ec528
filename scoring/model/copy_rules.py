"""The rules by which a model is another's near-copy."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from scoring.model.pinned import Checksum, Repo, Revision
from scoring.schema import StrictModel

_Count = Annotated[int, Field(ge=1)]


class PinnedBase(StrictModel):
    """The public home of a model that everybody may train from."""

    repo: Repo
    revision: Revision


class CopyRules(StrictModel):
    """When a model is set aside as a near-copy of one that another hotkey committed earlier: by its weights or by its sound, either does.

    `docs/copies.md` says what honest trainings and rewritten models measure.
    """

    distance: Annotated[float, Field(ge=0.0, le=1.0)]
    """Most distance of weights by sketches (`scoring.model.nearness`): 0 is what the earlier one's training did, 1 has nothing to do
    with it."""
    distance_by_files: Annotated[float, Field(ge=0.0, le=1.0)]
    """Most distance by files (`scoring.model.repetition`), where both models' and their base's are on the worker's host: 0 is a copy."""
    distance_without_base: Annotated[float, Field(ge=0.0, le=1.0)]
    """The same for two models of which no base is known: trained from one, they are near each other without being copies."""
    least_compared: _Count
    """The distance counts where trained tensors of so many numbers were compared: a few say nothing of a model."""
    sound: Annotated[float, Field(gt=0.0, le=1.0)]
    """Least similarity of sounds (`scoring.audio.similarity`), of the quarter of a round's prompts in which it is highest."""
    prompts: _Count
    """So many prompts of a round are compared."""
    appeal_hours: _Count
    """The owner of a model that was set aside has so long to object before an operator may end it as a copy."""
    bases: Mapping[Checksum, PinnedBase] = {}
    """Models that everybody may train from, by content hash: they are nobody's lineage, and what a training changed is told from them."""
