"""Who is whose near-copy, by what was measured and by who committed first."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from scoring.audio.spoken import Spoken
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.model.sketch import PROJECTIONS, Sketch, TensorSketch
from scoring.receipts.near_copies import NearCopy, first_fault
from scoring.types import (
    Block,
    BlockHash,
    ContentHash,
    Entrant,
    EvaluationId,
    Hotkey,
    Nano,
    PublicKey,
    RoundNumber,
    SubmissionId,
    Tag,
)
from voice_api.db.copies import LineageOwner, OwnedSample, OwnedSketch
from voice_api.db.evaluations import Claim
from voice_api.db.states import QueueName
from workers.jobs.near_copies import NearMeasure, by_sound, by_weights, compared_prompts, joined, near_copies, nearer

RULES = load().at(RoundNumber(0)).copies
BASE = ContentHash("ba" * 32)
NEAR = NearMeasure(distance=0.001, base=BASE, compared=1_000_000)
FAR = NearMeasure(distance=0.9, compared=1_000_000, sound=0.4, prompts=8)
CLAIM = Claim(
    evaluation_id=EvaluationId(1),
    token=UUID(int=1),
    worker="w1",
    queue=QueueName.CPU,
    attempt=1,
    failures=0,
    submission_id=SubmissionId(5),
    hotkey=Hotkey("h5"),
    public_key=PublicKey("05" * 32),
    commit_block=Block(50),
    tiebreak="55",
    repo="a/b",
    revision="0" * 40,
    tag=Tag("00" * 16),
    round=RoundNumber(1),
    start_block=Block(360),
    block_hash=BlockHash("0x" + "12" * 32),
    competition_hash="00" * 32,
)


def owner(number: int, block: int, **overrides: Any) -> LineageOwner:
    """Submission of h<number>, committed at a block."""
    plain = LineageOwner(
        submission_id=SubmissionId(number), hotkey=Hotkey(f"h{number}"), coldkey=None, commit_block=Block(block), tiebreak="44"
    )
    return replace(plain, **overrides)


def pairs(measured: dict[LineageOwner, NearMeasure], coldkey: str | None = None) -> list[tuple[int, int]]:
    """Who is set aside as whose near-copy."""
    return [(order.submission_id, order.original_id) for order in near_copies(CLAIM, coldkey, measured, RULES)]


@pytest.mark.parametrize(
    ("measure", "near"),
    [
        pytest.param(NEAR, True, id="by its weights"),
        pytest.param(NearMeasure(sound=0.9999995, prompts=8), True, id="by its sound"),
        pytest.param(replace(FAR, sound=0.9999995), True, id="by its sound, though its weights are others"),
        pytest.param(NearMeasure(sound=0.99999, prompts=8), False, id="alike as trainings of few layers are"),
        pytest.param(replace(NEAR, sound=0.3, prompts=8), True, id="by its weights, though its sound is another"),
        pytest.param(FAR, False, id="by neither"),
        pytest.param(replace(NEAR, compared=RULES.least_compared - 1), False, id="by too few numbers"),
        pytest.param(replace(NEAR, base=None), False, id="trained alike, from a base that nobody listed"),
        pytest.param(replace(NEAR, base=None, distance=1e-7), True, id="the same but for rounding, whatever the base"),
        pytest.param(NearMeasure(), False, id="not measured"),
    ],
)
def test_either_measure_is_enough(measure: NearMeasure, near: bool) -> None:
    """Beyond its threshold."""
    assert pairs({owner(1, 10): measure}) == ([(5, 1)] if near else [])


def test_the_earliest_commit_owns() -> None:
    """Of several the first one is the original; inside a block the lower tiebreak is earlier."""
    found = {owner(1, 40): NEAR, owner(2, 30): NEAR, owner(3, 20): FAR, owner(4, 60): NEAR}
    assert pairs(found) == [(5, 2)]
    assert pairs({owner(1, 50): NEAR}) == [(5, 1)]


def test_who_was_judged_first_owns_nothing_by_that() -> None:
    """The claim's commit is the earliest: the later ones are near-copies of it, though they were judged before."""
    assert sorted(pairs({owner(1, 60): NEAR, owner(2, 50, tiebreak="66"): NEAR, owner(3, 70): FAR})) == [(1, 5), (2, 5)]


@pytest.mark.parametrize(
    "own",
    [
        pytest.param(owner(1, 10, hotkey=Hotkey("h5")), id="same hotkey"),
        pytest.param(owner(1, 10, coldkey="cold"), id="same coldkey"),
    ],
)
def test_own_earlier_work_is_no_copy(own: LineageOwner) -> None:
    """Neither of it, nor of who copied it meanwhile."""
    assert pairs({own: NEAR}, "cold") == []
    assert pairs({own: NEAR, owner(2, 20): NEAR}, "cold") == []
    assert pairs({replace(own, commit_block=Block(60)): NEAR}, "cold") == []


def test_coldkeys_that_nobody_knows_are_not_the_same() -> None:
    """Two hotkeys that are not registered may belong to anybody."""
    assert pairs({owner(1, 10): NEAR}) == [(5, 1)]


def test_its_owner_reads_what_was_measured_and_what_to_do() -> None:
    """Original, both numbers with their thresholds, and until when to object."""
    (order,) = near_copies(CLAIM, None, {owner(1, 10): replace(NEAR, sound=0.5, prompts=8)}, RULES)
    assert order.reason == (
        "near submission 1, committed earlier (block 10) by h1: weights at a distance of 0.001000000, told by their sketches (near up to "
        f"{RULES.distance:g}), sounds with a similarity of 0.500000 (near from {RULES.sound:g} on). It is neither judged nor paid "
        f"until an operator decides. If it is a work of your own, tell the validator's operator within {RULES.appeal_hours} hours "
        "what it was trained from; else publish a model of your own."
    )


SUBJECT = Entrant("h5@50")
HELD = NearCopy(
    entrant=SUBJECT,
    original=Entrant("h1@10"),
    distance=Nano(100),
    by_files=False,
    base=None,
    compared=10**6,
    sound=None,
    prompts=0,
)


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        pytest.param(HELD, "", id="the subject's own"),
        pytest.param(replace(HELD, entrant=Entrant("h9@90"), original=SUBJECT), "", id="of which it is the original"),
        pytest.param(replace(HELD, entrant=Entrant("h9@90")), "is about h5@50", id="others alone"),
        pytest.param(replace(HELD, original=SUBJECT), "is about h5@50", id="near itself"),
        pytest.param(replace(HELD, distance=Nano(900_000)), "within the rules", id="not near"),
        pytest.param(replace(HELD, distance=None), "within the rules", id="without a measure"),
    ],
)
def test_a_receipt_says_nothing_of_others(found: NearCopy, fault: str) -> None:
    """A receipt whose near-copies do not follow from its own measures does not count."""
    why = first_fault((found,), SUBJECT, RULES)
    assert (why == "") if not fault else (fault in why)


def spoken(seed: int, rate: int = 16_000) -> Spoken:
    """A sound by chance."""
    wave = np.random.default_rng(seed).normal(size=4000) * 3000.0
    return Spoken(prompt_id="p", rate=rate, pcm=wave.astype("<i2").tobytes(), seconds=0.0)


def sample(prompt: str, sound: str, whose: LineageOwner, evaluation: int = 7, rate: int = 16_000) -> OwnedSample:
    """Another one's sample."""
    return OwnedSample(owner=whose, evaluation_id=EvaluationId(evaluation), prompt_id=prompt, pcm_sha256=sound, rate=rate)


def test_the_most_alike_quarter_of_the_sounds_counts() -> None:
    """Two of eight are equal: a rewritten weight may move a pause in all others."""
    mine = {f"p{number}": spoken(number) for number in range(8)}
    kept = {f"s{number}": (spoken(number if number < 2 else 100 + number).pcm, 16_000) for number in range(8)}
    others = [sample(f"p{number}", f"s{number}", owner(1, 10)) for number in range(8)]
    (found,) = by_sound(mine, others, kept.__getitem__).values()
    assert (round(found.sound or 0.0, 9), found.prompts) == (1.0, 8)


def test_sounds_that_are_not_kept_or_of_another_rate_are_not_alike() -> None:
    """Three of four are there: too few; four of another rate have nothing in common."""

    def read(sound: str) -> tuple[bytes, int]:
        if sound == "lost":
            raise PlatformError(Code.AUDIO_MISSING)
        return spoken(1).pcm, 16_000

    mine = {f"p{number}": spoken(1) for number in range(4)}
    few = [sample(f"p{number}", "kept" if number else "lost", owner(1, 10)) for number in range(4)]
    assert by_sound(mine, few, read) == {}
    (other,) = by_sound(mine, [sample(f"p{number}", "kept", owner(1, 10), rate=22_050) for number in range(4)], read).values()
    assert other.sound == 0.0


def test_two_short_sounds_make_no_copy() -> None:
    """Any two of two samples are the same wave: models that fail on a quarter of the prompts are not near each other by that."""
    mine = {f"p{number}": spoken(number) if number > 1 else replace(spoken(number), pcm=b"\5\0\7\0") for number in range(8)}
    kept = {f"s{number}": (spoken(100 + number).pcm if number > 1 else b"\1\0\0\0", 16_000) for number in range(8)}
    (found,) = by_sound(
        mine, [sample(f"p{number}", f"s{number}", owner(1, 10)) for number in range(8)], kept.__getitem__
    ).values()
    assert (found.prompts, (found.sound or 0.0) < 0.5) == (6, True)


def test_the_first_prompts_with_a_sound_are_compared() -> None:
    """As many as the rules say, the same for everybody."""
    said = {f"p{number:02}": replace(spoken(1), pcm=b"" if number == 0 else b"\0\0") for number in range(20)}
    assert compared_prompts(dict(reversed(said.items())), RULES) == tuple(f"p{number:02}" for number in range(1, 9))


def test_the_nearest_sketch_of_an_owner_counts() -> None:
    """A copy's sketch stands for its original; one that cannot be read is left out."""
    draw = np.random.default_rng(3)

    def a_sketch(projections: Any) -> Sketch:
        return Sketch({"w": TensorSketch(5000, 100.0, projections)})

    mine = draw.normal(size=PROJECTIONS)
    far = a_sketch(draw.normal(size=PROJECTIONS)).to_bytes()
    kept = [
        OwnedSketch(owner(number, 10 * number), "a/b", "c" * 40, raw)
        for number, raw in ((1, far), (1, a_sketch(mine).to_bytes()), (2, b"?"), (3, None))
    ]
    found = by_weights(a_sketch(mine), kept, ())
    assert found == {owner(1, 10): NearMeasure(distance=0.0, compared=5000)}


FILES = NearMeasure(distance=0.001, by_files=True, base=BASE, compared=1_000_000)


@pytest.mark.parametrize(
    ("files", "sketches", "chosen"),
    [
        pytest.param(FILES, NEAR, FILES, id="both are near: everybody can measure files again"),
        pytest.param(FILES, FAR, FILES, id="files alone"),
        pytest.param(replace(FILES, distance=0.1), NEAR, NEAR, id="sketches alone"),
        pytest.param(replace(FILES, distance=0.1), FAR, replace(FILES, distance=0.1), id="neither"),
        pytest.param(None, FAR, FAR, id="files are not here"),
        pytest.param(replace(FILES, distance=1.0), None, replace(FILES, distance=1.0), id="no sketch"),
    ],
)
def test_files_tell_more_than_sketches(files: NearMeasure | None, sketches: NearMeasure | None, chosen: NearMeasure) -> None:
    """Whichever is near counts."""
    known = [{} if measure is None else {owner(1, 10): measure} for measure in (files, sketches)]
    assert nearer(known[0], known[1], RULES) == {owner(1, 10): chosen}


def test_each_way_of_measuring_has_its_threshold() -> None:
    """A distance that is near by sketches is far by files; and whoever is told reads which it was."""
    assert pairs({owner(1, 10): replace(FILES, distance=0.1)}) == []
    (order,) = near_copies(CLAIM, None, {owner(1, 10): FILES}, RULES)
    assert (order.most_distance, order.found.by_files) == (round(RULES.distance_by_files * 1e9), True)
    assert f"told by their files (near up to {RULES.distance_by_files:g})" in order.reason


def test_both_measures_of_an_owner_are_joined() -> None:
    """Weights of one, sounds of another, both of a third."""
    by_both = {owner(1, 10): NEAR, owner(2, 20): NEAR}
    sounds = {owner(2, 20): NearMeasure(sound=0.5, prompts=8), owner(3, 30): NearMeasure(sound=0.6, prompts=4)}
    assert joined(by_both, sounds) == {
        owner(1, 10): NEAR,
        owner(2, 20): replace(NEAR, sound=0.5, prompts=8),
        owner(3, 30): NearMeasure(sound=0.6, prompts=4),
    }
