"""Near-copies: what an evaluation measures of its model beside those that look or sound like it, and whose lineage each one is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from scoring.audio.similarity import similarity
from scoring.audio.spoken import Spoken
from scoring.errors import Code, PlatformError, SubmissionFault
from scoring.model.copy_rules import CopyRules
from scoring.model.nearness import Base, nearness
from scoring.model.repetition import repetitions
from scoring.model.sketch import Sketch
from scoring.receipts.near_copies import MOST_NEAR, NearCopy, in_words, most_distance
from scoring.types import MICRO, NANO, ContentHash, Micro, Nano
from voice_api.db.copies import LineageOwner, NearCopyOrder, OwnedSample, OwnedSketch
from voice_api.db.evaluations import Claim
from workers.evaluation.bases import SketchedBase

log = structlog.get_logger()

_LEAST_PROMPTS = 4
"""Fewer sounds in common tell nothing of two models: one short word may come out alike."""
_LEAST_SECONDS = 0.1
"""Shorter sounds tell nothing: any two of two samples are alike."""
_MOST_ALIKE = 4
"""The similarity is that of one in so many sounds, the most alike: a rewritten weight may move a pause, and then a whole sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMeasure:
    """What was measured of a model beside another: distance of weights and similarity of sounds, None where there was none to measure."""

    distance: float | None = None
    by_files: bool = False
    base: ContentHash | None = None
    compared: int = 0
    sound: float | None = None
    prompts: int = 0


Measures = Mapping[LineageOwner, NearMeasure]
ReadSound = Callable[[str], tuple[bytes, int]]
"""The PCM and the rate of a stored sound, by its hash; raises PlatformError(AUDIO_MISSING, AUDIO_INVALID)."""


def by_weights(mine: Sketch, others: Iterable[OwnedSketch], bases: Sequence[Base]) -> Measures:
    """The least distance to each owner's sketches; a sketch that cannot be read is left out."""
    found: dict[LineageOwner, NearMeasure] = {}
    for other in others:
        if other.sketch is None:
            continue
        try:
            measured = nearness(mine, Sketch.from_bytes(other.sketch), bases)
        except ValueError:  # of another release
            continue
        known = found.get(other.owner)
        if known is None or known.distance is None or measured.distance < known.distance:
            found[other.owner] = NearMeasure(distance=measured.distance, base=measured.base, compared=measured.compared)
    return found


def by_files(claim: Claim, mine: Path, others: Mapping[Path, LineageOwner], bases: Sequence[SketchedBase]) -> Measures:
    """The least distance of each owner's models in these folders; what cannot be read is left out."""
    found: dict[LineageOwner, NearMeasure] = {}
    for base in bases if others else ():
        try:
            measures = repetitions(mine, list(others), base.folder)
        except (OSError, SubmissionFault) as why:  # a disk's fault: sketches and sounds tell what they can
            log.warning("files cannot be compared", base=base.base.content, why=str(why))
            continue
        for owner, measured in zip(others.values(), measures, strict=True):
            is_later = owner.seniority < (claim.commit_block, claim.tiebreak)
            distance = measured.as_copy if is_later else measured.as_original
            known = found.get(owner)
            if known is None or known.distance is None or distance < known.distance:
                found[owner] = NearMeasure(distance=distance, by_files=True, base=base.base.content, compared=measured.compared)
    return found


def nearer(files: Measures, sketches: Measures, rules: CopyRules) -> Measures:
    """Of each owner the measure of weights that is near, that by files first; where none is, that by files."""

    def chosen(owner: LineageOwner) -> NearMeasure:
        known = [measures[owner] for measures in (files, sketches) if owner in measures]
        return next((measure for measure in known if _found(owner, owner, measure).is_near(rules)), known[0])

    return {owner: chosen(owner) for owner in (*files, *(owner for owner in sketches if owner not in files))}


def compared_prompts(spoken: Mapping[str, Spoken], rules: CopyRules) -> tuple[str, ...]:
    """The prompts whose sounds are compared: the first ones that have a sound."""
    return tuple(sorted(name for name, said in spoken.items() if said.pcm))[: rules.prompts]


def by_sound(mine: Mapping[str, Spoken], others: Iterable[OwnedSample], read: ReadSound) -> Measures:
    """The similarity to each owner's sounds of the same prompts, in the most alike evaluation of its lineage."""
    found: dict[tuple[LineageOwner, int], list[float]] = {}
    for other in others:
        alike = _alike(mine[other.prompt_id], other, read)
        if alike is not None:
            found.setdefault((other.owner, other.evaluation_id), []).append(alike)
    most: dict[LineageOwner, NearMeasure] = {}
    for (owner, _), values in found.items():
        if len(values) < _LEAST_PROMPTS:
            continue
        best = sorted(values)[-max(1, len(values) // _MOST_ALIKE) :]
        sound = sum(best) / len(best)
        known = most.get(owner)
        if known is None or known.sound is None or sound > known.sound:
            most[owner] = NearMeasure(sound=sound, prompts=len(values))
    return most


def _alike(mine: Spoken, other: OwnedSample, read: ReadSound) -> float | None:
    """How alike two sounds are; None where the other one is not kept, or one is too short. Those of another rate are taken for others."""
    if other.rate != mine.rate:
        return 0.0
    try:
        theirs = read(other.pcm_sha256)[0]
    except PlatformError as missing:
        if missing.code not in (Code.AUDIO_MISSING, Code.AUDIO_INVALID):
            raise
        return None
    is_told = min(len(mine.pcm), len(theirs)) >= 2 * _LEAST_SECONDS * mine.rate
    return similarity(mine.pcm, theirs) if is_told else None


def joined(weights: Measures, sounds: Measures) -> Measures:
    """Both measures of each owner."""
    nothing = NearMeasure()
    return {
        owner: NearMeasure(
            distance=weights.get(owner, nothing).distance,
            by_files=weights.get(owner, nothing).by_files,
            base=weights.get(owner, nothing).base,
            compared=weights.get(owner, nothing).compared,
            sound=sounds.get(owner, nothing).sound,
            prompts=sounds.get(owner, nothing).prompts,
        )
        for owner in (*weights, *(owner for owner in sounds if owner not in weights))
    }


def near_copies(claim: Claim, coldkey: str | None, measured: Measures, rules: CopyRules) -> tuple[NearCopyOrder, ...]:
    """Who is whose near-copy, of a claim's submission and those that it is near.

    The earliest commit owns, whichever was judged first: where that is another's, the claim's is a near-copy of it, and where it is the
    claim's, later ones are. What one hotkey or one coldkey committed twice is no copy.
    """
    me = LineageOwner(
        submission_id=claim.submission_id,
        hotkey=claim.hotkey,
        coldkey=coldkey,
        commit_block=claim.commit_block,
        tiebreak=claim.tiebreak,
    )
    near = [owner for owner, measure in measured.items() if _found(me, owner, measure).is_near(rules)]
    near.sort(key=lambda owner: (owner.seniority, owner.submission_id))
    earlier = [owner for owner in near if owner.seniority < me.seniority]
    if earlier:
        first = earlier[0]
        return () if _is_same(me, first) else (_order(me, first, measured[first], rules),)
    later = [owner for owner in near if not _is_same(me, owner)]
    return tuple(_order(owner, me, measured[owner], rules) for owner in later[:MOST_NEAR])


def _is_same(one: LineageOwner, other: LineageOwner) -> bool:
    return one.hotkey == other.hotkey or (one.coldkey is not None and one.coldkey == other.coldkey)


def _found(copy: LineageOwner, original: LineageOwner, measure: NearMeasure) -> NearCopy:
    return NearCopy(
        entrant=copy.entrant,
        original=original.entrant,
        distance=None if measure.distance is None else Nano(round(measure.distance * NANO)),
        by_files=measure.by_files,
        base=measure.base,
        compared=measure.compared,
        sound=None if measure.sound is None else Micro(round(measure.sound * MICRO)),
        prompts=measure.prompts,
    )


def _order(copy: LineageOwner, original: LineageOwner, measure: NearMeasure, rules: CopyRules) -> NearCopyOrder:
    found = _found(copy, original, measure)
    reason = (
        f"near submission {original.submission_id}, committed earlier (block {original.commit_block}) by {original.hotkey}: "
        f"{in_words(found, rules)}. It is neither judged nor paid until an operator decides. If it is a work of your own, tell the "
        f"validator's operator within {rules.appeal_hours} hours what it was trained from; else publish a model of your own."
    )
    return NearCopyOrder(
        submission_id=copy.submission_id,
        original_id=original.submission_id,
        found=found,
        most_distance=most_distance(rules, measure.base, by_files=measure.by_files),
        least_sound=Micro(round(rules.sound * MICRO)),
        appeal=timedelta(hours=rules.appeal_hours),
        reason=reason,
    )
