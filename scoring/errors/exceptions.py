"""The errors of this project, named by whose fault they are. Each carries a code and one sentence that is safe to show."""

from scoring.errors.codes import Code
from scoring.errors.explanations import EXPLANATIONS


class VoiceError(Exception):
    """A failure with a stable code, and one sentence of detail that is safe to show. Every error of this project is one."""

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(detail or EXPLANATIONS[code].meaning)
        self.code = code
        self.detail = detail or EXPLANATIONS[code].meaning

    @property
    def advice(self) -> str:
        """The sentence that says what to do about it."""
        return EXPLANATIONS[self.code].advice


class SubmissionFault(VoiceError):
    """The miner's model or commitment is at fault: final, public, score 0."""


class InfrastructureFault(VoiceError):
    """Our side failed: retried, never the miner's loss."""


class PlatformError(VoiceError):
    """A request, a setting or a service of ours is at fault; nothing was judged."""
