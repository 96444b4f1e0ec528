"""The corpus of near-copies, small: honest trainings of a tiny network, its rewrites, and the page that the large one wrote."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import VitsModel

from benchmarks.copies import document
from benchmarks.copies.__main__ import choose, honest_row, rewrite_row
from benchmarks.copies.document import Share, Thresholds
from benchmarks.copies.lessons import Lesson, lessons_of
from benchmarks.copies.measuring import Laboratory, Measured, Pair, draw
from benchmarks.copies.page import PAGE, RESULT, render
from benchmarks.copies.rewrites import Rewrite, rewrites
from benchmarks.copies.speaking import SEEDS, Speaker
from benchmarks.copies.study import Attack, HonestPair, Kind, kind_of
from benchmarks.copies.training import Part, Recipe, Tensors, fine_tune
from scoring.audio.audio import Audio
from scoring.competition import load
from scoring.synthesis.vits import tiny
from scoring.types import RoundNumber

IDS = ([1, 5, 9, 4, 2, 8, 3, 7], [2, 6, 3, 8, 1, 9, 5], [4, 1, 7, 2, 6, 8])
STRANGE = (
    "mixed with another's",
    "moved towards the base",
    "one layer of the base",
    "one layer of another's",
    "one layer drawn anew",
)
"""Rewrites that take from somebody else or destroy: how near they stay depends on shares and layers."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> "Bench":
    """A tiny base, and two trainings of it that differ in their seed."""
    return Bench(tmp_path_factory.mktemp("copies"))


class Bench:
    """A laboratory with a tiny base, and trainings of it."""

    def __init__(self, folder: Path) -> None:
        base = tiny.build(folder / "base", seed=3)
        self._folder = base
        self.base: Tensors = load_file(base / "model.safetensors")
        self.laboratory = Laboratory(base, self.base, Speaker(self.model(), IDS), folder / "measured")
        self.laboratory.prepare()
        tone = torch.sin(torch.arange(16_000) * (2.0 * math.pi * 180.0 / 16_000)) * 0.3
        self._lessons: list[Lesson] = lessons_of(self.model(), IDS, [Audio(tone, 16_000)] * len(IDS))

    def model(self) -> VitsModel:
        """The base, ready to learn."""
        found: VitsModel = VitsModel.from_pretrained(self._folder, local_files_only=True)
        found.train(False)
        return found.requires_grad_(False)

    def trained(self, seed: int, rank: int = 0) -> dict[int, Tensors]:
        """What a training changed, by step."""
        recipe = Recipe(
            name=f"{seed} {rank}", voice="tone", texts=0, part=Part.ALL, rate=3e-3, seed=seed, rank=rank, points=(2, 6)
        )
        return {step: learnt for step, _, learnt in fine_tune(self.model(), recipe, self._lessons)}

    def measured(self, name: str, changed: Tensors) -> tuple[str, Measured]:
        """By name."""
        return name, self.laboratory.measure(name, lambda: changed)


def test_training_brings_a_network_nearer_to_what_it_hears(bench: Bench) -> None:
    """The mean loss of later steps lies below that of the first."""
    recipe = Recipe(name="x", voice="tone", texts=0, part=Part.DECODER, rate=3e-3, seed=5, points=(4, 30, 40))
    losses = [loss for _, loss, _ in fine_tune(bench.model(), recipe, bench._lessons)]
    assert losses[2] < losses[0]


def test_low_ranks_are_merged_into_weights_of_the_same_names(bench: Bench) -> None:
    """What is kept is whole weights, each changed by a matrix of that rank, and the network holds no trace of the thin ones."""
    learnt = bench.trained(1, rank=2)[6]
    change = (learnt["decoder.conv_pre.weight"] - bench.base["decoder.conv_pre.weight"]).flatten(1)
    assert (learnt.keys() <= bench.base.keys(), int(torch.linalg.matrix_rank(change, rtol=1e-3))) == (True, 2)


def test_two_trainings_of_one_base_are_no_copies_and_one_goes_on(bench: Bench) -> None:
    """Another seed is far in weights; an earlier point of the same training is nearer than that."""
    mine, theirs = bench.trained(1), bench.trained(2)
    last = bench.measured("one, last", mine[6])
    apart = bench.laboratory.pair(last, bench.measured("other, last", theirs[6]))
    own = bench.laboratory.pair(last, bench.measured("one, first", mine[2]))
    assert apart.weights > 0.2 and own.weights < apart.weights


def _all(bench: Bench) -> Iterator[tuple[Rewrite, Tensors, Pair]]:
    victim = {**bench.base, **bench.trained(1)[6]}
    other = {**bench.base, **bench.trained(2)[6]}
    for rewrite in rewrites(bench.base, other):
        copied = rewrite.apply(victim, draw(rewrite.title))
        name = f"copy: {rewrite.title}"
        found = bench.laboratory.measure(name, partial(dict, copied), rewrite.settings)
        yield rewrite, copied, bench.laboratory.pair(bench.measured("victim", victim), (name, found))


@pytest.fixture(scope="module")
def pairs(bench: Bench) -> Mapping[str, Pair]:
    """Every rewrite of a victim beside the victim."""
    return {rewrite.title: pair for rewrite, _, pair in _all(bench)}


@pytest.mark.parametrize(
    "name",
    [
        "feed-forward scaled × 2",
        "feed-forward scaled × 0.5",
        "feed-forward scaled × 1.7",
        "weight norm scaled by row",
        "one hidden layer permuted",
        "all feed-forward layers permuted",
        "everything permuted",
        "renamed",
        "junk tensors",
        "one unit in the last place",
        "noise 1e-06",
    ],
)
def test_what_computes_the_same_sounds_the_same(pairs: Mapping[str, Pair], name: str) -> None:
    """A rewrite that promises to change nothing but the order of sums changes no clip."""
    assert min(pairs[name].likeness) > 1.0 - 1e-6


@pytest.mark.parametrize("name", ["feed-forward scaled × 1.7", "weight norm scaled by row", "renamed", "junk tensors"])
def test_what_scales_and_renames_is_found_by_weights(pairs: Mapping[str, Pair], name: str) -> None:
    """The sketch folds and scales before it compares."""
    assert pairs[name].weights < 1e-6


def test_permuted_units_are_far_by_sketches_and_found_by_sound(pairs: Mapping[str, Pair]) -> None:
    """Two measures are needed: each of them misses what the other finds."""
    permuted, settings = pairs["everything permuted"], pairs["permuted, other speaking rate × 1.01"]
    assert (permuted.weights > 0.5, permuted.sound < 1e-6, settings.weights > 0.5) == (True, True, True)


def test_a_network_of_few_parts_is_not_compared_by_files(pairs: Mapping[str, Pair]) -> None:
    """This tiny one has fewer than eight tensors that are large enough."""
    assert {pair.files for pair in pairs.values()} == {None}


def test_more_noise_is_farther(pairs: Mapping[str, Pair]) -> None:
    """In weights, from one strength to the tenfold."""
    found = [pairs[f"noise {level}"].weights for level in ("1e-05", "0.0001", "0.001", "0.01")]
    assert found == sorted(found) and found[0] < 1e-4 < found[3]


def test_a_second_run_measures_nothing_again(bench: Bench) -> None:
    """What was kept comes back equal, clips and sketch."""
    first = bench.measured("kept", bench.trained(2)[2])[1]
    again = bench.laboratory.measure("kept", dict)
    assert (again.sketch.to_bytes(), list(again.clips)) == (first.sketch.to_bytes(), list(first.clips))
    assert len(first.clips) == len(SEEDS)


def test_thresholds_keep_away_from_the_nearest_honest_pair() -> None:
    """.6 of .41, .6 of .3, .3 of .5 and .3 of .7, rounded down to two digits; one run's pairs and those of a few numbers say nothing."""
    pairs = [
        HonestPair(Kind.SEED, frozenset("ab"), _pair(0.9, 0.7)),
        HonestPair(Kind.OTHER, frozenset("ab"), _pair(0.41, 2.0)),
        HonestPair(Kind.ONE_RUN, frozenset("ab"), _pair(0.01, 0.01)),
        HonestPair(Kind.OTHER, frozenset("ab"), replace(_pair(0.1, 3.0), compared=32)),
    ]
    assert choose(pairs) == Thresholds(weights=0.24, files=0.18, sound=0.15, beyond_base=0.21)


def test_rows_count_what_lies_below_the_thresholds() -> None:
    """An honest pair below is a false alarm, whichever of the two came first; a copy below any threshold is found, by files as a copy."""
    near = Thresholds(weights=0.2, files=0.05, sound=0.4, beyond_base=0.3)
    honest = honest_row("kind", [_pair(0.9, 0.7), replace(_pair(0.1, 0.5), files=0.2, files_reversed=0.04)], 1, near)
    copies = rewrite_row(
        [
            Attack("noise", "1", replace(_pair(0.1, 0.9), files=0.1, files_reversed=0.01), 0.01),
            Attack("noise", "1", _pair(0.5, 0.1, likeness=0.7), 0.03),
            Attack("noise", "1", replace(_pair(0.5, 0.9), files=0.04, files_reversed=0.9), 0.02),
            Attack("noise", "1", replace(_pair(0.5, 0.9), files=None, files_reversed=None), 0.02),
        ],
        near,
    )
    assert (honest.by_weights, honest.by_files, honest.by_sound, honest.beyond_base) == (_of(1), _of(1), _of(0), _of(0))
    found = (copies.by_weights, copies.by_files, copies.by_sound, copies.beyond_base, copies.by_sketch_or_sound, copies.by_any)
    assert [each.found for each in found] == [1, 1, 1, 1, 2, 3]
    assert (copies.by_any.of, copies.files, copies.loss, honest.least_files) == (4, 0.3, 0.02, 0.04)


def _of(found: int) -> Share:
    return Share(found=found, of=2)


def _pair(weights: float, share: float, likeness: float = 0.5) -> Pair:
    files = {"files": 0.3, "files_reversed": 0.4}
    return Pair(one="a", other="b", weights=weights, compared=20_000, **files, likeness=(likeness,), shares=(share, 3.0))


def test_an_interval_is_wilsons() -> None:
    """None of 600: z²/(n + z²) = 3.841/603.841; ten of twenty lies evenly around one half; of nothing it is everything."""
    low, high = Share(found=0, of=600).interval
    even = Share(found=10, of=20).interval
    assert (low, round(high, 5)) == (0.0, round(3.8415 / 603.8415, 5))
    assert (round(sum(even), 9), round(even[0], 4), Share(found=0, of=0).interval) == (1.0, 0.2993, (0.0, 1.0))


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"seed": 2}, Kind.SEED),
        ({"part": Part.FLOW, "seed": 2}, Kind.SENTENCES),
        ({"part": Part.FLOW}, Kind.ONE_RUN),
        ({"texts": 1}, Kind.OTHER),
    ],
)
def test_what_two_trainings_have_in_common(changed: Mapping[str, Any], kind: Kind) -> None:
    """Honest pairs are counted by what could make them alike."""
    one = Recipe(name="one", voice="v", texts=0, part=Part.ALL, rate=1e-4, seed=1)
    assert kind_of(one, replace(one, name="other", **changed)) is kind


def test_the_page_is_what_the_study_found() -> None:
    """`make bench-copies` writes both; `python -m benchmarks.copies --render` the page alone."""
    assert PAGE.read_text(encoding="utf-8") == render(document.read(RESULT))


def test_the_rules_in_force_are_those_that_were_measured() -> None:
    """Weights up to the chosen distance; sound, for which no base speaks, only where it is the same wave."""
    rules = load().at(RoundNumber(0)).copies
    measured = document.read(RESULT)
    assert (rules.distance, rules.sound) == (measured.thresholds.weights, 1.0 - document.SAFE_SOUND)
    assert rules.distance_by_files == measured.thresholds.files
    assert rules.least_compared >= document.LEAST_COMPARED
