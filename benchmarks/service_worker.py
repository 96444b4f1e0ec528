"""A real `voice worker` whose evaluation is nothing, or a sleep: every claim is given the same verdict.

Its settings are a worker's, of the environment. BENCH_SECONDS there, with blanks between, are the seconds of the
first submission's evaluation, the second's and so on; none: at once.
"""

import argparse
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from neurons.cli import logs
from scoring.report import EvaluationReport, Factor, GroupReport, SampleReport
from scoring.types import Micro
from voice_api.db.evaluations import Verdict
from voice_api.db.states import VerdictState
from workers import main
from workers.evaluation.evaluate import Assignment
from workers.evaluation.progress import Progress, Stage
from workers.evaluation.tools import Tools
from workers.jobs import evaluate_job
from workers.sandbox.reference_guest import ReferenceGuest
from workers.sandbox.sandbox import Sandbox
from workers.sandbox.selftest.run import stop_if_open
from workers.settings import WorkerSettings

REPORT = EvaluationReport(
    profile="embedded",
    profile_hash="f" * 64,
    judges={"none": "1"},
    samples=(
        SampleReport(
            prompt_id="p1",
            group_id="g1",
            score=Micro(750_000),
            gate=None,
            metrics={"wer": 0.05},
            utilities={Factor.DELIVERY: 0.5},
            pcm_sha256="a" * 64,
            seconds=1.25,
        ),
    ),
    groups=(GroupReport("g1", "single", Micro(750_000)),),
    score=Micro(750_000),
    stderr=Micro(0),
)
VERDICT = Verdict(
    state=VerdictState.SCORED,
    receipt={"score": 750_000},
    receipt_hash="e" * 64,
    signature="5" * 128,
    certificate={"host": "bench"},
    report=REPORT,
)


SAMPLES = 36
"""Of a verdict as large as a real one."""
_METRICS = {f"measure_{number}": 1.0 + number for number in range(16)}
_TOLD_SECONDS = 0.2
"""Between two words of progress."""


def nothing() -> str:
    """The work of a bare RQ job."""
    return "nothing"


def whole_verdict() -> Verdict:
    """As many samples and groups as an evaluation of the track `small` writes, with a receipt that lists them."""
    (sample,), (group,) = REPORT.samples, REPORT.groups
    samples = tuple(replace(sample, prompt_id=f"p{number}", group_id=f"g{number}", metrics=_METRICS) for number in range(SAMPLES))
    groups = tuple(replace(group, id=f"g{number}") for number in range(SAMPLES))
    listed = [{"prompt": each.prompt_id, "score": each.score, "metrics": _METRICS} for each in samples]
    report = replace(REPORT, samples=samples, groups=groups)
    return replace(VERDICT, report=report, receipt={"score": 750_000, "samples": listed})


def sleeping(seconds: Sequence[float]) -> Callable[..., Verdict]:
    """An evaluation that sleeps as long as its submission's number says, and tells of its progress meanwhile."""
    verdict = whole_verdict()

    def evaluate(assignment: Assignment, _tools: Tools, _lineage: object, progress: Progress) -> Verdict:
        lasts = seconds[(assignment.claim.submission_id - 1) % len(seconds)]
        total = math.ceil(lasts / _TOLD_SECONDS)
        for done in range(total):
            progress(Stage.SPEAK, done, total)
            time.sleep(lasts / total)
        return verdict

    return evaluate


def run(try_walls: Callable[[Path], None] = stop_if_open) -> None:
    """Work until SIGTERM."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    logs.configure()
    settings = WorkerSettings()
    sandbox = Sandbox(settings.data / "scratch")
    tools = Tools(
        hub=cast(Any, None),
        sandbox=sandbox,
        reference=ReferenceGuest(sandbox, {"cpu": timedelta(seconds=1)}),
        panel=cast(Any, None),
        parts=cast(Any, None),
        bases=cast(Any, None),
        environments=cast(Any, None),
    )
    seconds = [float(each) for each in os.environ.get("BENCH_SECONDS", "").split()]
    vars(main)["open_tools"] = lambda *_settings, **_more: tools
    vars(evaluate_job)["evaluate"] = sleeping(seconds) if seconds else lambda *_case, **_more: VERDICT
    main.run(settings, try_walls=try_walls)


if __name__ == "__main__":
    run()
