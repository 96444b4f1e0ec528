"""Is it the model, or this host? A fixed piece of work in the same sandbox, on the same device, tells."""

import tempfile
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from scoring.competition import SubmissionLimits, SynthesisRules
from scoring.errors import Code, InfrastructureFault
from scoring.progress import NO_PROGRESS
from scoring.synthesis.load import Device
from scoring.synthesis.synthesiser import Request
from workers.sandbox.sandbox import CardFailed, GuestTimedOut, Sandbox

_RUNS = 3
_TOLERANCE = 3.0
_ALLOWANCE = timedelta(seconds=1)
"""A busy host pauses a short run by chance; beyond three times the usual and this, it is slow."""
_REQUESTS = tuple(Request(f"reference-{number}", "", "", number) for number in range(2))
_CARD_BYTES = 1 << 30
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
_ON_CARD = _LIMITS.model_copy(update={"ram_bytes": 8 << 30, "card_bytes": _CARD_BYTES})
"""torch and the card's driver hold gigabytes before any work begins."""


class ReferenceGuest:
    """The reference guest of one sandbox. `usual` are its usual times where they were measured before."""

    def __init__(self, sandbox: Sandbox, usual: Mapping[Device, timedelta] | None = None) -> None:
        self._sandbox, self._usual = sandbox, dict(usual or {})

    def usual(self, device: Device) -> timedelta:
        """Its usual time on a device of this host: the median of three runs, start-up included, measured once.

        Raises InfrastructureFault where the sandbox cannot be enforced, or the device fails.
        """
        if device not in self._usual:
            self._usual[device] = sorted(self._calibrated(device) for _ in range(_RUNS))[_RUNS // 2]
        return self._usual[device]

    def passes(self, device: Device) -> bool:
        """Whether the device does the same work now, in about its usual time. Only then is a model's setback the model's fault."""
        try:
            return self._run(device) <= _TOLERANCE * self.usual(device) + _ALLOWANCE
        except (GuestTimedOut, CardFailed, InfrastructureFault):
            return False

    def _calibrated(self, device: Device) -> timedelta:
        try:
            return self._run(device)
        except (GuestTimedOut, CardFailed) as exc:
            code = Code.SANDBOX_UNAVAILABLE if device == "cpu" else Code.CARD_UNAVAILABLE
            raise InfrastructureFault(code, f"the reference model does not speak on this host: {exc}") from exc

    def _run(self, device: Device) -> timedelta:
        began = time.monotonic()
        rules = SynthesisRules(device=device, threads=1, batch=1, dtype="float32")
        limits = _LIMITS if device == "cpu" else _ON_CARD
        with tempfile.TemporaryDirectory() as empty:
            spoken = self._sandbox.speak(Path(empty), "reference", _REQUESTS, limits, rules, on_sample=NO_PROGRESS)
        if failed := [said.reason for said in spoken if said.failure is not None]:
            raise InfrastructureFault(Code.WORKER_ERROR, f"the reference model did not speak: {failed[0]}")
        return timedelta(seconds=time.monotonic() - began)
