"""Failures: stable codes, whose fault each is, what it means, what to do, and the exceptions that carry them."""

from scoring.errors.codes import Blame, Code
from scoring.errors.exceptions import InfrastructureFault, PlatformError, SubmissionFault, VoiceError
from scoring.errors.explanations import EXPLANATIONS, Explanation, with_advice

__all__ = [
    "EXPLANATIONS",
    "Blame",
    "Code",
    "Explanation",
    "InfrastructureFault",
    "PlatformError",
    "SubmissionFault",
    "VoiceError",
    "with_advice",
]
