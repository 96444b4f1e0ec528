"""What must not change a score: how loud, beside whom, in which order, how often, where, and on how many threads it is judged."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from prompts.groups import Group, GroupPlan
from scoring.audio.audio import Audio, from_pcm, to_pcm
from scoring.audio.spoken import Spoken
from scoring.competition import Profile, Track, load
from scoring.judges.panel import Panel
from scoring.progress import NO_PROGRESS
from scoring.report import EvaluationReport
from scoring.types import RoundNumber
from tests.builders.prompts import short_groups

SEED = "06" * 32
PLAN = GroupPlan(single=1, counterfactual=0, voice=1)
VOICE = "en-us+f2"
PEAK = 0.4
"""6 dB more still fits."""
TOLERANCE = 0.03
"""Of a utility: 6 dB less is one bit less."""

Answer = Callable[[Sequence[Group], str], dict[str, Spoken]]

OTHER_PROCESS = """
import json, sys
from dataclasses import asdict
from pathlib import Path
import torch
from prompts.groups import GroupPlan
from scoring.competition import load
from scoring.judges.panel import Panel
from scoring.audio.spoken import Spoken
from scoring.types import RoundNumber
from tests.builders.prompts import short_groups

torch.set_num_threads(2)
groups = short_groups(sys.argv[2], GroupPlan(*json.loads(sys.argv[3])))
said = {
    path.stem: Spoken(prompt_id=path.stem, rate=int(sys.argv[4]), pcm=path.read_bytes(), seconds=0.0)
    for path in Path(sys.argv[1]).glob("*.pcm")
}
report = Panel.embedded().judge(groups, said, load().at(RoundNumber(0)).track[0], lambda done, total: None)
print(json.dumps(asdict(report), sort_keys=True))
"""


@pytest.fixture(scope="module")
def rules() -> Track:
    """The default rules."""
    return load().at(RoundNumber(0)).track[0]


@pytest.fixture(scope="module")
def groups() -> tuple[Group, ...]:
    """A single and a voice pair: three samples."""
    return short_groups(SEED, PLAN)


@pytest.fixture(scope="module")
def panel(groups: tuple[Group, ...]) -> Panel:
    """The embedded profile for the round."""
    torch.set_num_threads(1)  # as a worker does
    return Panel.embedded()


@pytest.fixture(scope="module")
def spoken(groups: tuple[Group, ...], answer: Answer) -> Mapping[str, Spoken]:
    """A clear voice, with room for 6 dB."""
    return {key: scaled(said, PEAK / peak(said)) for key, said in answer(groups, VOICE).items()}


@pytest.fixture(scope="module")
def report(panel: Panel, groups: tuple[Group, ...], spoken: Mapping[str, Spoken], rules: Track) -> EvaluationReport:
    """What everything else is compared with."""
    return judge(panel, groups, spoken, rules)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """The process has its threads back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def judge(panel: Panel, groups: Sequence[Group], spoken: Mapping[str, Spoken], rules: Track) -> EvaluationReport:
    return panel.judge(groups, spoken, rules, NO_PROGRESS)


def peak(said: Spoken) -> float:
    return float(from_pcm(said.pcm, said.rate).samples.abs().max())


def scaled(said: Spoken, factor: float) -> Spoken:
    return replace(said, pcm=to_pcm(Audio(from_pcm(said.pcm, said.rate).samples * factor, said.rate)))


@pytest.mark.parametrize("factor", [pytest.param(0.5, id="6 dB less"), pytest.param(2.0, id="6 dB more")])
def test_loudness_changes_no_score(
    panel: Panel,
    groups: tuple[Group, ...],
    spoken: Mapping[str, Spoken],
    rules: Track,
    report: EvaluationReport,
    factor: float,
) -> None:
    """Every factor hears every clip at one level."""
    changed = judge(panel, groups, {key: scaled(said, factor) for key, said in spoken.items()}, rules)
    for before, after in zip(report.samples, changed.samples, strict=True):
        assert (before.gate, after.gate) == (None, None)
        assert after.utilities == pytest.approx(before.utilities, abs=TOLERANCE)


@pytest.mark.parametrize("batch", [1, 100])
def test_batches_change_nothing(
    panel: Panel,
    groups: tuple[Group, ...],
    spoken: Mapping[str, Spoken],
    rules: Track,
    report: EvaluationReport,
    batch: int,
) -> None:
    """Group by group, or all at once."""
    assert judge(Panel(Profile.EMBEDDED, panel.judges, batch=batch), groups, spoken, rules) == report


def test_a_group_is_judged_as_if_it_were_alone(
    panel: Panel, groups: tuple[Group, ...], spoken: Mapping[str, Spoken], rules: Track, report: EvaluationReport
) -> None:
    """No group's numbers depend on what the model said elsewhere."""
    alone = [judge(panel, [group], spoken, rules) for group in groups]
    assert tuple(sample for one in alone for sample in one.samples) == report.samples
    assert tuple(group for one in alone for group in one.groups) == report.groups


def test_the_order_of_judges_changes_nothing(
    panel: Panel, groups: tuple[Group, ...], spoken: Mapping[str, Spoken], rules: Track, report: EvaluationReport
) -> None:
    """The last judge may be first."""
    turned = replace(panel.judges, single=panel.judges.single[::-1], pair=panel.judges.pair[::-1])
    assert judge(Panel(Profile.EMBEDDED, turned), groups, spoken, rules) == report


def test_the_order_of_samples_changes_nothing(
    panel: Panel, groups: tuple[Group, ...], spoken: Mapping[str, Spoken], rules: Track, report: EvaluationReport
) -> None:
    """Of what was spoken, and of the groups: each sample and the score stay."""
    turned = judge(panel, groups[::-1], dict(reversed(list(spoken.items()))), rules)
    assert {sample.prompt_id: sample for sample in turned.samples} == {sample.prompt_id: sample for sample in report.samples}
    assert (turned.groups[::-1], turned.score, turned.stderr) == (report.groups, report.score, report.stderr)


def test_a_duplicate_file_is_judged_the_same(
    panel: Panel, groups: tuple[Group, ...], spoken: Mapping[str, Spoken], rules: Track, report: EvaluationReport
) -> None:
    """The same sound for the same prompt under another name, right after the first and after others."""
    named = [Group(f"x{turn}", group.kind, group.prompts, group.contrast) for turn in range(2) for group in groups]
    twice = [replace(group, prompts=tuple(replace(p, id=f"{group.id}.{p.id}") for p in group.prompts)) for group in named]
    said = {p.id: replace(spoken[p.id.split(".", 1)[1]], prompt_id=p.id) for group in twice for p in group.prompts}
    found = judge(panel, twice, said, rules).samples
    plain = [(sample.score, sample.metrics, sample.utilities, sample.pcm_sha256) for sample in found]
    assert plain == [(sample.score, sample.metrics, sample.utilities, sample.pcm_sha256) for sample in report.samples] * 2


@pytest.mark.usefixtures("one_thread")
def test_the_number_of_threads_changes_nothing(
    panel: Panel, groups: tuple[Group, ...], spoken: Mapping[str, Spoken], rules: Track, report: EvaluationReport
) -> None:
    """One and two, with judges and features built anew."""
    single = judge(panel, groups, spoken, rules)
    torch.set_num_threads(2)
    assert single == judge(panel, groups, spoken, rules) == report


def test_another_process_finds_the_same(
    groups: tuple[Group, ...], spoken: Mapping[str, Spoken], report: EvaluationReport, tmp_path: Path
) -> None:
    """Fresh judges in a fresh interpreter: every number of the report, to the last digit."""
    for key, said in spoken.items():
        (tmp_path / f"{key}.pcm").write_bytes(said.pcm)
    rate = next(iter(spoken.values())).rate
    plan = json.dumps([PLAN.single, PLAN.counterfactual, PLAN.voice])
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, str(tmp_path), SEED, plan, str(rate)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert json.loads(done.stdout) == json.loads(json.dumps(asdict(report), sort_keys=True))
