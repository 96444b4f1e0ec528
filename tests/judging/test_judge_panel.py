"""The panel end to end, on real speech and every kind of group: what it scores, what it never drops, and that it repeats itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest
import torch

from prompts.groups import Group, GroupKind, GroupPlan, Prompt
from prompts.voices import Attribute
from scoring.audio.spoken import Spoken
from scoring.competition import Profile, Track, load
from scoring.judges.judge import Utterance
from scoring.judges.panel import Judges, Panel
from scoring.report import EvaluationReport, Factor, Gate, Metrics, SampleReport
from scoring.scores.aggregate import METRICS, ProfileIdentity, load_anchors
from scoring.synthesis.load import adapter
from scoring.synthesis.synthesiser import Request
from scoring.types import RoundNumber
from tests.builders import espeak_voices
from tests.builders.prompts import short_groups
from tests.builders.rules import asking

RATE = 22_050
Say = Callable[..., bytes]


TEXTS = (
    "Please enter your agent number, followed by the pound key.",
    "The conference is now being recorded.",
    "Please enter your password, followed by the pound key.",
    *["The conference is now being recorded."] * 2,
)
"""A robot is understood in these."""


@pytest.fixture(scope="module")
def groups() -> tuple[Group, ...]:
    """A small round: one group of each kind, five samples."""
    texts = iter(TEXTS)
    drawn = short_groups("aa" * 32, GroupPlan(single=1, counterfactual=1, voice=1, asks=tuple(Attribute)))
    return tuple(replace(group, prompts=tuple(replace(prompt, text=next(texts)) for prompt in group.prompts)) for group in drawn)


@pytest.fixture(scope="module")
def panel(groups: tuple[Group, ...]) -> Panel:
    """The embedded profile for the round."""
    return Panel.embedded()


@pytest.fixture(scope="module")
def rules() -> Track:
    """The default rules, if they asked for everything."""
    return asking(load().at(RoundNumber(0))).track[0]


def spoken(groups: tuple[Group, ...], say: Callable[[Prompt], bytes]) -> dict[str, Spoken]:
    return {
        prompt.id: Spoken(prompt_id=prompt.id, rate=RATE, pcm=say(prompt), seconds=0.02)
        for group in groups
        for prompt in group.prompts
    }


def ignored(_done: int, _total: int) -> None:
    """Nobody asks how far it is."""


@pytest.fixture(scope="module")
def answers(
    groups: tuple[Group, ...], speak: Say, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Mapping[str, Spoken]]:
    """A clear voice that does as it is told, a hard one that ignores descriptions, and one that always says the same thing."""
    told = adapter("espeak")(espeak_voices.build(tmp_path_factory.mktemp("models"))["clear"], None, 1, "float32")

    def obey(prompt: Prompt) -> bytes:
        (wave,) = told.generate([Request(prompt.id, prompt.text, prompt.description, 0)])
        return (wave * 32768.0).round().clip(-32768, 32767).astype("<i2").tobytes()

    voices: dict[str, Callable[[Prompt], bytes]] = {
        "clear": obey,
        "hard": lambda prompt: speak(prompt.text, voice="en-us+whisper"),
        "wrong": lambda _prompt: speak("This voice says the very same thing, whatever you ask."),
    }
    return {name: spoken(groups, say) for name, say in voices.items()}


@pytest.fixture(scope="module")
def reports(
    groups: tuple[Group, ...], panel: Panel, rules: Track, answers: Mapping[str, Mapping[str, Spoken]]
) -> Mapping[str, EvaluationReport]:
    """The panel's report on each."""
    return {name: panel.judge(groups, said, rules, ignored) for name, said in answers.items()}


def test_a_clear_voice_beats_a_hard_one_beats_wrong_words(reports: Mapping[str, EvaluationReport]) -> None:
    """Each by a lead; no formant voice is near a natural one, and wrong words are near zero."""
    clear, hard, wrong = (reports[name].score for name in ("clear", "hard", "wrong"))
    assert clear > hard + 50_000
    assert hard > wrong + 30_000
    assert wrong < 100_000


def test_wrong_words_are_named(reports: Mapping[str, EvaluationReport]) -> None:
    """The gate says why, and the metrics that closed it are kept."""
    closed = [sample for sample in reports["wrong"].samples if sample.gate is Gate.WRONG_WORDS]
    assert closed
    assert all(sample.score == 0 and sample.metrics["wer"] >= 0.9 for sample in closed)


def test_every_prompt_is_reported(reports: Mapping[str, EvaluationReport], groups: tuple[Group, ...]) -> None:
    """In the order of the groups, with finite numbers."""
    for report in reports.values():
        assert [sample.prompt_id for sample in report.samples] == [prompt.id for group in groups for prompt in group.prompts]
        assert [entry.id for entry in report.groups] == [group.id for group in groups]
        assert all(abs(value) < 1e6 for sample in report.samples for value in sample.metrics.values())


def by_kind(report: EvaluationReport, groups: tuple[Group, ...], kind: GroupKind) -> list[SampleReport]:
    (group,) = (group for group in groups if group.kind is kind)
    return [sample for sample in report.samples if sample.group_id == group.id]


def test_a_pair_that_moves_as_asked_has_delivery(reports: Mapping[str, EvaluationReport], groups: tuple[Group, ...]) -> None:
    """The obedient voice keeps it on both sides of the counterfactual pair; the one that says both alike loses it on both."""
    kind = GroupKind.COUNTERFACTUAL
    assert all(sample.utilities[Factor.DELIVERY] > 0.3 for sample in by_kind(reports["clear"], groups, kind))
    deaf = [sample for sample in by_kind(reports["hard"], groups, kind) if sample.gate is None]
    assert deaf
    assert all(sample.utilities[Factor.DELIVERY] == 0.0 for sample in deaf)


def test_one_voice_in_a_voice_pair_is_consistent(reports: Mapping[str, EvaluationReport], groups: tuple[Group, ...]) -> None:
    """Both sides carry the same similarity, and no sample of another group has the factor."""
    one, other = by_kind(reports["clear"], groups, GroupKind.VOICE)
    assert one.metrics["speaker_similarity"] == other.metrics["speaker_similarity"]
    assert one.utilities[Factor.CONSISTENCY] == other.utilities[Factor.CONSISTENCY] == 1.0
    with_factor = [sample.group_id for sample in reports["clear"].samples if Factor.CONSISTENCY in sample.utilities]
    assert with_factor == [one.group_id, other.group_id]


def test_honest_voices_are_clean(reports: Mapping[str, EvaluationReport]) -> None:
    """An obedient voice is charged for no defect at any of the settings that were asked."""
    assert all(sample.utilities[Factor.CLEANLINESS] == 1.0 for sample in reports["clear"].samples)


def test_half_a_voice_pair_is_inconsistent(
    groups: tuple[Group, ...], panel: Panel, rules: Track, answers: Mapping[str, Mapping[str, Spoken]]
) -> None:
    """A clip whose partner failed shows no one speaker; judged alone, its other numbers are those it has among all."""
    (pair,) = (group for group in groups if group.kind is GroupKind.VOICE)
    kept = pair.prompts[0].id
    report = panel.judge([pair], {kept: answers["clear"][kept]}, rules, ignored)
    assert [sample.gate for sample in report.samples] == [None, Gate.GENERATION_FAILED]
    assert report.samples[0].utilities[Factor.CONSISTENCY] == 0.0
    assert report.samples[1].score == 0


def test_a_missing_prompt_is_a_failed_generation(groups: tuple[Group, ...], panel: Panel, rules: Track) -> None:
    """It scores zero and stays in every mean; what the guest reported as a failure keeps its reason."""
    first, second, *rest = (prompt.id for group in groups for prompt in group.prompts)
    given = {second: Spoken(prompt_id=second, rate=0, pcm=b"", seconds=3.0, failure=Gate.TIMEOUT)}
    steps: list[tuple[int, int]] = []
    report = panel.judge(groups, given, rules, lambda done, total: steps.append((done, total)))
    assert [sample.gate for sample in report.samples] == [Gate.GENERATION_FAILED, Gate.TIMEOUT] + [Gate.GENERATION_FAILED] * len(
        rest
    )
    assert (report.score, report.stderr, first in given) == (0, 0, False)
    assert steps == [(5, 5)]


def test_progress_is_told_as_samples_are_judged(
    groups: tuple[Group, ...], rules: Track, answers: Mapping[str, Mapping[str, Spoken]]
) -> None:
    """It rises to the total, so that a lease can be renewed while a long evaluation goes on."""
    steps: list[tuple[int, int]] = []
    quick = Panel(Profile.EMBEDDED, Judges((Scripted(),)), batch=2)
    quick.judge(groups, answers["clear"], rules, lambda done, total: steps.append((done, total)))
    assert steps == [(3, 5), (5, 5)]


class Scripted:
    """A judge that finds every utterance perfect."""

    name, version = "scripted", "1"

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """The same numbers for everybody."""
        good = [factor.metrics for factor in load_anchors().factors.values()]
        found = {name: anchor.human for metrics in good for name, anchor in metrics.items()} | dict.fromkeys(
            METRICS.values(), 1.0
        )
        return [found for _ in batch]


def test_the_hash_names_judges_and_versions() -> None:
    """Another judge, another version or another profile is another hash."""

    class Newer(Scripted):
        version = "2"

    hashes = {
        Panel(Profile.EMBEDDED, Judges(judges), scale).identity.hash
        for judges, scale in (
            ((Scripted(),), None),
            ((Newer(),), None),
            ((), None),
            ((Scripted(),), replace(load_anchors(), hash="other")),
        )
    }
    assert len(hashes) == 4


def test_same_bytes_same_report(
    groups: tuple[Group, ...],
    panel: Panel,
    rules: Track,
    answers: Mapping[str, Mapping[str, Spoken]],
    reports: Mapping[str, EvaluationReport],
) -> None:
    """Judged again by a fresh panel, in another order of answers: equal to the last digit, and under the same hash."""
    fresh = Panel.embedded()
    assert fresh.judge(groups, dict(reversed(list(answers["clear"].items()))), rules, ignored) == reports["clear"]
    said = reports["clear"]
    assert ProfileIdentity(said.profile, said.profile_hash, said.judges) == panel.identity == fresh.identity


def test_one_judge_at_a_time_reports_the_same(
    groups: tuple[Group, ...],
    panel: Panel,
    rules: Track,
    answers: Mapping[str, Mapping[str, Spoken]],
    reports: Mapping[str, EvaluationReport],
) -> None:
    """Side by side or one after the other, each judge's numbers are its own; torch has its threads back afterwards."""
    before = torch.get_num_threads()
    alone = Panel(Profile.EMBEDDED, panel.judges, lanes=1)
    assert alone.judge(groups, answers["clear"], rules, ignored) == reports["clear"]
    assert torch.get_num_threads() == before
