"""The panel end to end, on real speech: what it scores, what it never drops, and that the same bytes give the same report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from prompts.generate import generate
from prompts.groups import Group, GroupPlan
from scoring.aggregate import Identity
from scoring.anchors import load as load_anchors
from scoring.competition import Competition, Profile, load
from scoring.judges.bins import METRICS
from scoring.judges.judge import Utterance
from scoring.judges.panel import Judges, Panel
from scoring.report import EvaluationReport, Gate, Metrics
from scoring.spoken import Spoken
from scoring.types import RoundNumber

RATE = 22_050
Say = Callable[..., bytes]


@pytest.fixture(scope="module")
def groups() -> tuple[Group, ...]:
    """A small round: three singles, all asked of a high voice."""
    return generate(bytes.fromhex("aa" * 32), GroupPlan(single=3, counterfactual=0, voice=0))


@pytest.fixture(scope="module")
def panel(groups: tuple[Group, ...]) -> Panel:
    """The embedded profile for the round."""
    return Panel.embedded(groups)


@pytest.fixture(scope="module")
def competition() -> Competition:
    """The default rules."""
    return load().at(RoundNumber(0))


def spoken(groups: tuple[Group, ...], say: Callable[[str], bytes]) -> dict[str, Spoken]:
    return {prompt.id: Spoken(prompt.id, RATE, say(prompt.text), 0.02) for group in groups for prompt in group.prompts}


def ignored(_done: int, _total: int) -> None:
    """Nobody asks how far it is."""


@pytest.fixture(scope="module")
def answers(groups: tuple[Group, ...], speak: Say) -> Mapping[str, Mapping[str, Spoken]]:
    """A clear voice, a hard one, and one that always says the same thing."""
    voices: dict[str, Callable[[str], bytes]] = {
        "clear": speak,
        "hard": lambda text: speak(text, voice="en-us+whisper"),
        "wrong": lambda _text: speak(
            "This voice says the very same thing whatever you ask, and it never changes its mind at all."
        ),
    }
    return {name: spoken(groups, say) for name, say in voices.items()}


@pytest.fixture(scope="module")
def reports(
    groups: tuple[Group, ...], panel: Panel, competition: Competition, answers: Mapping[str, Mapping[str, Spoken]]
) -> Mapping[str, EvaluationReport]:
    """What the panel finds in each."""
    return {name: panel.judge(groups, said, competition, ignored) for name, said in answers.items()}


def test_a_clear_voice_beats_a_hard_one_beats_wrong_words(reports: Mapping[str, EvaluationReport]) -> None:
    """Each by a clear lead; wrong words are near zero."""
    clear, hard, wrong = (reports[name].score for name in ("clear", "hard", "wrong"))
    assert clear > hard + 150_000
    assert hard > wrong + 100_000
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


def test_a_missing_prompt_is_a_failed_generation(groups: tuple[Group, ...], panel: Panel, competition: Competition) -> None:
    """It scores zero and stays in every mean; what the guest reported as a failure keeps its reason."""
    first, second, *rest = (prompt.id for group in groups for prompt in group.prompts)
    given = {second: Spoken(second, 0, b"", 3.0, Gate.TIMEOUT)}
    steps: list[tuple[int, int]] = []
    report = panel.judge(groups, given, competition, lambda done, total: steps.append((done, total)))
    assert [sample.gate for sample in report.samples] == [Gate.GENERATION_FAILED, Gate.TIMEOUT] + [Gate.GENERATION_FAILED] * len(
        rest
    )
    assert (report.score, report.stderr, first in given) == (0, 0, False)
    assert steps == [(3, 3)]


def test_progress_is_told_as_samples_are_judged(
    groups: tuple[Group, ...], competition: Competition, answers: Mapping[str, Mapping[str, Spoken]]
) -> None:
    """It rises to the total, so that a lease can be renewed while a long evaluation goes on."""
    steps: list[tuple[int, int]] = []
    quick = Panel(Profile.EMBEDDED, Judges((Scripted(),)), batch=2)
    quick.judge(groups, answers["clear"], competition, lambda done, total: steps.append((done, total)))
    assert steps == [(2, 3), (3, 3)]


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
    competition: Competition,
    answers: Mapping[str, Mapping[str, Spoken]],
    reports: Mapping[str, EvaluationReport],
) -> None:
    """Judged again by a fresh panel, in another order of answers: equal to the last digit, and under the same hash."""
    fresh = Panel.embedded(groups)
    assert fresh.judge(groups, dict(reversed(list(answers["clear"].items()))), competition, ignored) == reports["clear"]
    said = reports["clear"]
    assert Identity(said.profile, said.profile_hash, said.judges) == panel.identity == fresh.identity
