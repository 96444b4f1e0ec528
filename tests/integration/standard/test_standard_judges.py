"""The standard profile's judges on tiny random models: ranges, and one number for one clip whatever comes with it."""

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file, save_file

from scoring.competition import Profile
from scoring.errors import Code, InfrastructureFault
from scoring.judges.judge import Judge, Utterance
from scoring.judges.panel import Judges
from scoring.judges.standard import models, network
from scoring.judges.standard.alignment import AlignedWord, ForcedAligner, align, timing
from scoring.judges.standard.asr import SEARCH, WINDOW, StrongRecogniser, windows
from scoring.judges.standard.ctc import Emissions, WeakRecogniser, frames
from scoring.judges.standard.models import Device
from scoring.judges.standard.network import NetworkInput, bucket, pad_with_silence, require, run_in_lanes
from scoring.judges.standard.words import WordsJudge
from scoring.report import Factor
from scoring.scores import aggregate
from tests.builders import fake_models

RANGES = {
    "wer": (0, 1e6), "cer": (0, 1e6), "wer_weak": (0, 1e6), "cer_weak": (0, 1e6), "mush": (0, 1e6),
    "tail_deletions": (0, 1), "repeats": (0, 1e6), "trailing_insertions": (0, 1e6), "tail_unsaid": (0, 1),
    "lead_in": (0, 30), "lead_out": (0, 30), "longest_gap": (0, 30), "articulation_rate": (0, 1e3),
    "delivery": (0, 1), "padding": (0, 1),
}  # fmt: skip


def test_every_number_is_finite_and_in_its_range(judges: Judges, utterances: Sequence[Utterance]) -> None:
    """And with the pair's they are all that the profile's anchors ask for."""
    found: list[dict[str, float]] = [{} for _ in utterances]
    for judge in judges.single:
        for numbers, metrics in zip(found, judge.measure(utterances), strict=True):
            numbers |= metrics
    pair = judges.pair[0].compare(*utterances[-2:])
    assert all(math.isfinite(value) for numbers in found for value in numbers.values())
    assert [
        (name, numbers[name]) for numbers in found for name, (low, high) in RANGES.items() if not low <= numbers[name] <= high
    ] == []
    assert -1.0 <= pair["speaker_similarity"] <= 1.0
    scale = aggregate.load_anchors(Profile.STANDARD)
    wanted = {name for factor in scale.factors.values() for name in factor.metrics}
    assert wanted <= found[0].keys() | pair.keys()


@pytest.mark.parametrize("count", [pytest.param(1, id="one lane"), pytest.param(4, id="four lanes")])
def test_a_clip_has_the_same_numbers_in_any_company(
    judges: Judges, utterances: Sequence[Utterance], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone, all together, and in the other order: equal to the last bit, also where a pass takes several clips."""
    monkeypatch.setitem(models.LANES, Device.CPU, count)
    for judge in heard_by_networks(judges):
        alone = [judge.measure([utterance])[0] for utterance in utterances]
        together = judge.measure(utterances)
        backwards = judge.measure(utterances[::-1])[::-1]
        assert alone == together == backwards, judge.name


def heard_by_networks(judges: Judges) -> list[Judge]:
    """The judges that use a pinned network; the others are the embedded profile's."""
    return [judge for judge in judges.single if judge.name in ("intelligibility", "delivery")]


def test_the_number_of_threads_is_not_the_callers(judges: Judges, utterances: Sequence[Utterance]) -> None:
    """A worker with two threads finds what a worker with one finds, and has its two threads back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    one = [judge.measure(utterances[:2]) for judge in heard_by_networks(judges)]
    torch.set_num_threads(2)
    two = [judge.measure(utterances[:2]) for judge in heard_by_networks(judges)]
    assert (one, torch.get_num_threads()) == (two, 2)
    torch.set_num_threads(before)


def test_a_version_names_model_checksum_arithmetic_and_device(judges: Judges) -> None:
    """What may change a number changes the version."""
    assert judges.single[0].name == "intelligibility"
    assert judges.single[0].version.endswith(" float32 cpu lanes=1 protocol=3")
    assert judges.single[0].version.count("judges/local@000000000000+") == 2


def test_a_device_that_is_not_there_is_no_verdict(hub: Any) -> None:
    """A worker that should judge on a GPU and has none says so."""
    if torch.cuda.is_available():
        require(Device.CUDA)
        return
    with pytest.raises(InfrastructureFault) as caught:
        require(Device.CUDA)
    assert caught.value.code is Code.JUDGE_UNAVAILABLE


def test_other_networks_fail_as_ours(hub: Any, tmp_path: Path) -> None:
    """Tensors that are missing would be drawn at random: they are never judged with."""
    shutil.copytree(hub.folders["weak_asr"], tmp_path / "model")
    tensors = load_file(tmp_path / "model" / "model.safetensors")
    del tensors["lm_head.weight"]
    save_file(tensors, tmp_path / "model" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InfrastructureFault, match=r"lacks tensors: lm_head\.weight") as caught:
        WeakRecogniser(tmp_path / "model", Device.CPU)
    assert caught.value.code is Code.JUDGE_UNAVAILABLE


def test_a_model_that_was_published_years_ago_is_loaded_as_it_was(hub: Any, tmp_path: Path) -> None:
    """Its tensors have the names of those days, none is there that only training reads, and its tokenizer says little."""
    shutil.copytree(hub.folders["weak_asr"], tmp_path / "model")
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    tensors = load_file(tmp_path / "model" / "model.safetensors")
    del tensors["wav2vec2.masked_spec_embed"]
    for new, old in names.items():
        prefix = "wav2vec2.encoder.pos_conv_embed.conv."
        tensors[prefix + old] = tensors.pop(prefix + new)
    save_file(tensors, tmp_path / "model" / "model.safetensors", metadata={"format": "pt"})
    marks = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "do_lower_case": False}
    (tmp_path / "model" / "tokenizer_config.json").write_text(json.dumps(marks), encoding="utf-8")
    then, now = WeakRecogniser(tmp_path / "model", Device.CPU), WeakRecogniser(hub.folders["weak_asr"], Device.CPU)
    torch.manual_seed(1)
    wave = torch.randn(16_000)
    assert torch.equal(then.listen([wave])[0].log_probs, now.listen([wave])[0].log_probs)
    assert (then.blank, then.between, then.spell("hello")) == (now.blank, now.between, now.spell("hello"))


def test_judges_of_both_profiles_have_one_set_of_anchors() -> None:
    """Naturalness, delivery, cleanliness and consistency are measured alike in both; so they are charged alike."""
    standard, embedded = aggregate.load_anchors(Profile.STANDARD), aggregate.load_anchors(Profile.EMBEDDED)
    for factor in set(Factor) - {Factor.INTELLIGIBILITY}:
        assert standard.factors[factor] == embedded.factors[factor]
    assert standard.moves == embedded.moves
    assert standard.hash != embedded.hash


class Uneven(torch.nn.Module):
    """A network whose lanes are not equal, as on a device that rounds by position."""

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        return waves.sum(dim=1) + torch.arange(waves.shape[0])


def test_lanes_that_differ_are_found_out() -> None:
    """A device that cannot give a clip one number may not judge."""
    with pytest.raises(InfrastructureFault, match="other numbers in another lane") as caught:
        run_in_lanes(Uneven(), [NetworkInput((torch.ones(3),))], 2)
    assert caught.value.code is Code.JUDGE_UNAVAILABLE


def test_a_network_that_fails_is_ours() -> None:
    """Out of memory is not the miner's."""

    def full(_wave: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("no memory")

    with pytest.raises(InfrastructureFault):
        run_in_lanes(full, [NetworkInput((torch.zeros(3),))], 1)


def test_what_is_not_finite_is_ours() -> None:
    """NaN in a receipt would be a score of nothing."""
    with pytest.raises(InfrastructureFault):
        run_in_lanes(lambda wave: wave / 0.0, [NetworkInput((torch.zeros(3),))], 1)


def test_nothing_to_judge(judges: Judges) -> None:
    """Where every sample met a closed gate, the judges have nothing to say."""
    assert [judge.measure([]) for judge in judges.single] == [[]] * len(judges.single)


def test_clips_of_other_keys_go_through_apart_and_come_back_in_order() -> None:
    """What a pass is given is all of one key and one shape."""
    seen: list[tuple[int, tuple[int, ...]]] = []

    def first(key: int, waves: torch.Tensor) -> torch.Tensor:
        seen.append((key, tuple(waves.shape)))
        return waves[:, 0] + key

    clips = [NetworkInput((torch.full((size,), float(size)),), key) for size, key in ((2, 1), (3, 1), (2, 2), (2, 1))]
    assert [float(row) for row in run_in_lanes(first, clips, 2, keyed=True)] == [3.0, 4.0, 4.0, 3.0]
    assert seen == [(1, (2, 2)), (1, (2, 3)), (2, (2, 2))]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        pytest.param(1, 16_000, id="shortest"),
        pytest.param(16_000, 16_000, id="just a bucket"),
        pytest.param(16_001, 32_000, id="one more"),
        pytest.param(64 * 16_000 + 1, 128 * 16_000, id="beyond the last"),
    ],
)
def test_bucket(length: int, expected: int) -> None:
    """The least length of the list that holds the clip."""
    assert bucket(length) == expected


def test_filling() -> None:
    """With silence, to the length of the bucket."""
    wave = torch.arange(1.0, 12_001.0)
    assert torch.equal(pad_with_silence(wave), torch.cat([wave, torch.zeros(4_000)]))
    assert tuple(sorted(network.BUCKETS)) == network.BUCKETS


def test_a_long_clip_is_cut_where_it_is_quiet() -> None:
    """Nothing is lost, no part passes 30 s, and the cut lies in the pause."""
    wave = torch.ones(WINDOW + 8_000)
    pause = WINDOW - SEARCH + 32_000
    wave[pause : pause + 1_600] = 0.0
    first, second = windows(wave)
    assert torch.equal(torch.cat([first, second]), wave)
    assert pause <= first.shape[0] <= pause + 1_600
    assert windows(torch.zeros(0)) == []


@pytest.fixture(scope="module")
def weak(hub: Any) -> WeakRecogniser:
    """The tiny weak recogniser."""
    return WeakRecogniser(hub.folders["weak_asr"], Device.CPU)


def emitted(weak: WeakRecogniser, letters: str) -> Emissions:
    """As a net that is sure of one symbol a frame: '-' is a blank, '|' a word's end."""
    numbers = [
        weak.blank if letter == "-" else weak.between if letter == "|" else weak.spell(letter.lower())[0] for letter in letters
    ]
    scores = torch.full((len(letters), 32), -10.0)
    scores[torch.arange(len(letters)), torch.tensor(numbers)] = 0.0
    return Emissions(torch.log_softmax(scores, dim=1), 0.02)


def test_greedy_decoding(weak: WeakRecogniser) -> None:
    """Repetitions fall together unless a blank parts them."""
    assert weak.text(emitted(weak, "-HHEL-LOO|||YY-OU-")) == "hello you".upper()
    assert weak.text(emitted(weak, "-----")) == ""


def test_alignment_finds_the_words(weak: WeakRecogniser) -> None:
    """Start and end of each, in seconds, and that all of it was said."""
    said = align(weak, ("hello", "you"), emitted(weak, "--HHEL-LOO|-----YY-OU---"))
    assert [(round(word.start, 2), round(word.end, 2)) for word in said] == [(0.04, 0.2), (0.32, 0.42)]
    assert timing(said, 0.48, 6) == pytest.approx(
        {"lead_in": 0.04, "lead_out": 0.06, "longest_gap": 0.12, "articulation_rate": 6 / 0.26, "tail_unsaid": 0.0}
    )


def test_a_missing_tail_is_missed(weak: WeakRecogniser) -> None:
    """Alignment must put the words somewhere; that they are not there shows in the letters' probabilities."""
    said = align(weak, ("hello", "you", "there"), emitted(weak, "-HHEL-LOO-" + "-" * 30))
    assert timing(said, 0.8, 9)["tail_unsaid"] == pytest.approx(2 / 3)


def test_too_short_to_be_aligned(weak: WeakRecogniser) -> None:
    """Fewer frames than letters: everything is missing, and nothing breaks."""
    assert align(weak, ("hello",), emitted(weak, "HE")) == ()
    assert align(weak, ("llll",), emitted(weak, "LLLL")) == ()
    assert timing((), 1.5, 4) == {
        "lead_in": 0.0, "lead_out": 1.5, "longest_gap": 0.0, "articulation_rate": 0.0, "tail_unsaid": 1.0,
    }  # fmt: skip
    assert timing((AlignedWord("a", 0.0, 1.0, 0.0),), 1.0, 5)["longest_gap"] == 0.0


def test_frames() -> None:
    """As many as the network makes: 49 of a second for wav2vec2's convolutions."""
    assert frames(16_000, (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)) == 49


def test_a_recogniser_that_takes_a_mask(tmp_path: Path) -> None:
    """HuBERT, normalised by layers: the clip's own frames only, whatever silence fills the bucket."""
    fake_models.hubert(tmp_path)
    recogniser = WeakRecogniser(tmp_path, Device.CPU)
    torch.manual_seed(1)
    long, short = torch.randn(24_000), torch.randn(10_000)
    both = recogniser.listen([long, short])
    alone = [recogniser.listen([long])[0], recogniser.listen([short])[0]]
    assert [heard.log_probs.shape[0] for heard in both] == [74, 31]
    assert all(torch.equal(one.log_probs, other.log_probs) for one, other in zip(both, alone, strict=True))


class Deaf:
    """A weak recogniser to which all is blank, and the least of what the judge asks of it."""

    blank, between = 0, 4

    def listen(self, waves: Sequence[torch.Tensor]) -> list[Emissions]:
        return [Emissions(torch.log_softmax(torch.zeros(4, 32), dim=1), 0.02) for _ in waves]

    def text(self, _emissions: Emissions) -> str:
        return ""

    def spell(self, word: str) -> list[int]:
        return [5] * len(word)


class Inventive:
    """A strong recogniser that hears words in anything."""

    def transcribe(self, waves: Sequence[torch.Tensor], _prompts: Sequence[str]) -> list[str]:
        return ["thank you for watching" for _ in waves]


def test_silence_is_not_given_to_the_strong_recogniser(utterances: Sequence[Utterance]) -> None:
    """Where the weak one hears no letter, all words are missing, and none is invented."""
    judge = WordsJudge(cast(StrongRecogniser, Inventive()), ForcedAligner(cast(WeakRecogniser, Deaf())), "1")
    (found,) = judge.measure(utterances[:1])
    assert (found["wer"], found["wer_weak"], found["mush"], found["trailing_insertions"]) == (1.0, 1.0, 0.0, 0.0)
    assert found["tail_unsaid"] == 1.0
