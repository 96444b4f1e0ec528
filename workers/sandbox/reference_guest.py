"""Is it the model that is slow, or this host? A fixed piece of work in the same sandbox tells."""

import tempfile
import time
from datetime import timedelta
from pathlib import Path

from scoring.competition import SubmissionLimits, SynthesisRules
from scoring.errors import InfrastructureFault
from scoring.progress import NO_PROGRESS
from scoring.synthesis.synthesiser import Request
from workers.sandbox.sandbox import GuestTimedOut, Sandbox

_RUNS = 3
_TOLERANCE = 3.0
_ALLOWANCE = timedelta(seconds=1)
"""A busy host pauses a short run by chance; beyond three times the usual and this, it is slow."""
_REQUESTS = tuple(Request(f"reference-{number}", "", "", number) for number in range(2))
_RULES = SynthesisRules(device="cpu", threads=1, batch=1, dtype="float32")
_LIMITS = SubmissionLimits(
    repo_bytes=1,
    header_bytes=1,
    load_seconds=60.0,
    sample_seconds=60.0,
    late_factor=1.0,
    late_share=0.0,
    ram_bytes=1 << 30,
    max_audio_seconds=10.0,
    expected_low=0.1,
    expected_high=10.0,
)


def calibrate(sandbox: Sandbox) -> timedelta:
    """The usual time of the reference guest on this host: the median of three runs, start-up included.

    Raises InfrastructureFault where the sandbox cannot be enforced.
    """
    return sorted(_run(sandbox) for _ in range(_RUNS))[_RUNS // 2]


def passes(sandbox: Sandbox, usual: timedelta) -> bool:
    """Whether the host does the same work now in about its usual time. Only then is a model's time-out the model's fault."""
    try:
        return _run(sandbox) <= _TOLERANCE * usual + _ALLOWANCE
    except (GuestTimedOut, InfrastructureFault):
        return False


def _run(sandbox: Sandbox) -> timedelta:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as empty:
        sandbox.speak(Path(empty), "reference", _REQUESTS, _LIMITS, _RULES, on_sample=NO_PROGRESS)
    return timedelta(seconds=time.monotonic() - began)
