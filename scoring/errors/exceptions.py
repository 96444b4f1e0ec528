"""The errors of this project, named by whose fault they are. Each carries a code and one sentence that is safe to show."""

from collections.abc import Sequence

from scoring.errors.codes import Code
from scoring.errors.explanations import EXPLANATIONS, with_advice
from scoring.foreign_words import printable
from scoring.shown_addresses import without_access


class VoiceError(Exception):
    """A failure with a stable code, and one sentence of detail that is safe to show. Every error of this project is one.

    A detail may quote a stranger, as a file's name or a hub's answer, or an address that a library could not reach: it is kept as text that
    can be printed, and without what of an address may be a password.
    """

    def __init__(self, code: Code, detail: str = "") -> None:
        self.code = code
        self.detail = printable(without_access(detail or EXPLANATIONS[code].meaning), lines=True)
        super().__init__(self.detail)

    @property
    def advice(self) -> str:
        """The sentence that says what to do about it."""
        return EXPLANATIONS[self.code].advice

    @property
    def told(self) -> str:
        """Detail and advice, as sentences."""
        return with_advice(self.detail, self.code)


class SubmissionFault(VoiceError):
    """The miner's model or commitment is at fault: final, public, score 0. `paths` are the files of the repository that it is about."""

    def __init__(self, code: Code, detail: str = "", paths: Sequence[str] = ()) -> None:
        super().__init__(code, detail)
        self.paths = tuple(paths)


class InfrastructureFault(VoiceError):
    """Our side failed: retried, never the miner's loss."""


class PlatformError(VoiceError):
    """A request, a setting or a service of ours is at fault; nothing was judged."""
