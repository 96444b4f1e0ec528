"""Failures that nobody foresaw: what makes two of them the same, and when they are the submission's."""

from collections.abc import Iterable
from types import TracebackType

from scoring.errors import Code, SubmissionFault, VoiceError
from voice_api.db.causes import Cause

_OURS = frozenset({"neurons", "prompts", "scoring", "voice_api", "workers"})
_OF_THE_HOST = (VoiceError, OSError, MemoryError)
"""What has a code is foreseen; disks, sockets and memory are the host's, and hosts of one operator run short together."""
_OF_ITS_DEVICE = frozenset(
    {
        "torch.OutOfMemoryError",
        "torch.AcceleratorError",
        "onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException",
    }
)
"""What a full or broken accelerator raises, by name: who judges on none need not import what drives one."""


def trace_of(error: BaseException) -> str:
    """The kind of error and our innermost function that it went through, as 'ValueError@decode'."""
    return f"{type(error).__name__}@{_innermost(error.__traceback__)}"


def cause_of(error: BaseException) -> str | None:
    """What makes two failures the same (see `trace_of`); None for what is the host's."""
    return None if _is_of_the_host(error) else trace_of(error)


def same_failure_elsewhere(causes: Iterable[Cause], host: str, cause: str) -> SubmissionFault | None:
    """The submission's fault, if another host met the same failure with it; on one host alone it stays ours."""
    if all(earlier.cause != cause or earlier.host == host for earlier in causes):
        return None
    return SubmissionFault(Code.FAILED_ALIKE, f"it failed in the same unforeseen way on two hosts ({cause})")


def _is_of_the_host(error: BaseException) -> bool:
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    return isinstance(error, _OF_THE_HOST) or not names.isdisjoint(_OF_ITS_DEVICE)


def _innermost(trace: TracebackType | None) -> str:
    found = "nowhere"
    while trace is not None:
        frame = trace.tb_frame
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in _OURS:
            found = frame.f_code.co_name
        trace = trace.tb_next
    return found
