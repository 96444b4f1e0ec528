"""Failures that nobody foresaw: what makes two of them the same, and when they are the submission's."""

from types import TracebackType

from scoring.errors import Code, SubmissionFault, VoiceError
from voice_api.db.records import Claim

_OURS = frozenset({"neurons", "prompts", "scoring", "voice_api", "workers"})
_OF_THE_HOST = (VoiceError, OSError, MemoryError)
"""What has a code is foreseen; disks, sockets and memory are the host's, and hosts of one operator run short together."""


def cause_of(error: BaseException) -> str | None:
    """The kind of error and our innermost function that it went through, as 'ValueError@decode'; None for what is the host's."""
    return None if isinstance(error, _OF_THE_HOST) else f"{type(error).__name__}@{_innermost(error.__traceback__)}"


def failed_alike(claim: Claim, host: str, cause: str) -> SubmissionFault | None:
    """The submission's fault, if another host met the same failure with it; on one host alone it stays ours."""
    if all(earlier.cause != cause or earlier.host == host for earlier in claim.causes):
        return None
    return SubmissionFault(Code.FAILED_ALIKE, f"it failed in the same unforeseen way on two hosts ({cause})")


def _innermost(trace: TracebackType | None) -> str:
    found = "nowhere"
    while trace is not None:
        frame = trace.tb_frame
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in _OURS:
            found = frame.f_code.co_name
        trace = trace.tb_next
    return found
