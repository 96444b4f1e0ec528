"""Sounds are judged while the next ones are spoken, and nothing of the report shows it."""

import json
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from neurons.localnet.network import COMPETITION
from prompts.groups import Group
from scoring.audio.spoken import Spoken
from scoring.competition import Track, load
from scoring.errors import Code, InfrastructureFault, SubmissionFault
from scoring.judges.panel import complete_groups
from scoring.progress import NO_PROGRESS
from scoring.receipts.receipt import listed
from scoring.report import Gate
from scoring.types import BlockHash, RoundNumber
from tests.builders import espeak_voices
from tests.builders.rules import changed
from tests.integration import slow_guest
from tests.integration.slow_guest import NAP
from workers.evaluation.batches import batches_of
from workers.evaluation.obtain import LocalModel
from workers.evaluation.progress import Stage
from workers.evaluation.speaking import speak
from workers.evaluation.speech import judge_model
from workers.evaluation.tools import Tools, open_tools
from workers.sandbox.sandbox import Sandbox

HASH = BlockHash("0x" + "5a" * 32)
GUEST = Path(slow_guest.__file__)


@pytest.fixture(scope="module")
def rules() -> Track:
    """Two single samples and a pair of one voice."""
    return changed(load(COMPETITION).at(RoundNumber(0)).track[0], prompts={"single": 2, "voice": 1})


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    """Real ones."""
    return open_tools("http://127.0.0.1", tmp_path_factory.mktemp("tools"))


@pytest.fixture
def clear(tmp_path: Path, rules: Track) -> LocalModel:
    """A voice of the demo."""
    return LocalModel(espeak_voices.build(tmp_path / "models")["clear"], "espeak", rules)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """No guest, and no thread that judges."""
    before = psutil.Process().children()
    yield
    assert [child for child in psutil.Process().children() if child not in before] == []
    assert [thread.name for thread in threading.enumerate() if "judges" in thread.name] == []


def test_the_report_is_that_of_judging_afterwards(tools: Tools, rules: Track, clear: LocalModel) -> None:
    """The same bytes, and progress of both stages that rises to its end."""
    told: list[tuple[Stage, int, int]] = []
    found = judge_model(clear, HASH, tools, lambda stage, done, total: told.append((stage, done, total)))
    groups = rules.groups(HASH)
    afterwards = tools.panel(rules.profile).judge(groups, found.spoken, rules, NO_PROGRESS)
    assert listed(found.report.samples) == listed(afterwards.samples)
    assert found.report == afterwards
    for stage in (Stage.SPEAK, Stage.JUDGE):
        counts = [done for heard, done, total in told if heard is stage and total == 4]
        assert (counts == sorted(counts), counts[-1]) == (True, 4)
    assert found.seconds >= max(found.speak_seconds, found.judge_seconds)


class Napper:
    """Judges that need as long as the speaker, and no processor either: what is measured is the order of the work alone."""

    def __call__(self, *_: object) -> "Napper":
        return self

    def listen(self, groups: Sequence[Group], arrivals: Iterable[Sequence[Spoken]], *_: object, **__: object) -> str:
        """Nothing that matters."""
        for complete in complete_groups(groups, arrivals, {}):
            time.sleep(NAP * sum(len(group.prompts) for group in complete))
        return "judged"


def test_speaking_and_judging_take_little_more_than_the_longer_of_both(tools: Tools, rules: Track, tmp_path: Path) -> None:
    """At least .85 of `(S + J) / max(S, J)`, the start of the guest and the last judging included."""
    (folder := tmp_path / "naps").mkdir()
    many = changed(rules, prompts={"single": 40})
    napping = replace(tools, sandbox=Sandbox(tmp_path / "scratch", [str(GUEST)]), panel=cast(Any, Napper()))
    model = LocalModel(folder, "espeak", many)
    began = time.monotonic()
    assert len(list(speak(model, batches_of(model.family, many, HASH), napping, NO_PROGRESS))) == 42
    alone, judging = time.monotonic() - began, 42 * NAP
    found = judge_model(model, HASH, napping, NO_PROGRESS)
    bound = (alone + judging) / max(alone, judging)
    assert (alone + judging) / found.seconds >= 0.85 * bound
    assert found.judge_seconds == pytest.approx(judging, rel=0.15)


class Listener:
    """Judges nothing: takes one batch of sounds, then fails or goes on to the end."""

    def __init__(self, fault: Exception | None) -> None:
        self.fault, self.heard = fault, 0

    def __call__(self, *_: object) -> "Listener":
        return self

    def listen(self, _groups: Sequence[Group], arrivals: Iterable[Sequence[Spoken]], *_: object, **__: object) -> str:
        """The number of sounds, as a report."""
        for arrived in arrivals:
            self.heard += len(arrived)
            if self.fault is not None:
                raise self.fault
        return "judged"


def test_a_judge_that_fails_ends_the_guest(tools: Tools, rules: Track, clear: LocalModel) -> None:
    """Nobody waits for the other samples of a model that cannot be judged now."""
    many = changed(rules, prompts={"single": 40})
    listener = Listener(InfrastructureFault(Code.JUDGE_UNAVAILABLE, "it broke"))
    spoken: list[int] = []
    with pytest.raises(InfrastructureFault, match="it broke"):
        listening = replace(tools, panel=cast(Any, listener))
        judge_model(replace(clear, track=many), HASH, listening, lambda _stage, done, _total: spoken.append(done))
    assert max(spoken) < 42


def test_a_model_that_is_refused_is_not_judged_to_the_end(tools: Tools, rules: Track, tmp_path: Path) -> None:
    """What the judges heard of it until then is no evaluation."""
    pickled = espeak_voices.build(tmp_path / "models")["clear"]
    (pickled / "config.json").write_text("{}", encoding="utf-8")
    listener = Listener(None)
    with pytest.raises(SubmissionFault) as caught:
        judge_model(LocalModel(pickled, "espeak", rules), HASH, replace(tools, panel=cast(Any, listener)), NO_PROGRESS)
    assert (caught.value.code, listener.heard) == (Code.LOAD_FAILED, 0)


def test_why_samples_failed_is_in_the_report(tools: Tools, rules: Track, clear: LocalModel) -> None:
    """In the words of the guest's own family, beside the gate."""
    path = clear.folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(config | {"voices": dict.fromkeys(config["voices"], "no-such-voice")}), encoding="utf-8")
    report = judge_model(clear, HASH, tools, NO_PROGRESS).report
    told = (Gate.GENERATION_FAILED, "ValueError: espeak-ng has no voice 'no-such-voice'")
    assert [(sample.gate, sample.reason) for sample in report.samples] == [told] * 4
