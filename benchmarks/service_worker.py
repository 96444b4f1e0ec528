"""A real `voice worker` whose evaluation is nothing: every claim is given the same verdict at once.

Its settings are a worker's, of the environment.
"""

import argparse
from datetime import timedelta
from typing import Any, cast

from neurons.cli import logs
from scoring.report import EvaluationReport, Factor, GroupReport, SampleReport
from scoring.types import Micro
from voice_api.db.evaluations import Verdict
from voice_api.db.states import VerdictState
from workers import main
from workers.evaluation.tools import Tools
from workers.jobs import evaluate_job
from workers.sandbox.reference_guest import ReferenceGuest
from workers.sandbox.sandbox import Sandbox
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


def nothing() -> str:
    """The work of a bare RQ job."""
    return "nothing"


def run() -> None:
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
    vars(main)["open_tools"] = lambda *_settings, **_more: tools
    vars(evaluate_job)["evaluate"] = lambda *_case, **_more: VERDICT
    main.run(settings)


if __name__ == "__main__":
    run()
