"""The closed sets of states and queues, as the database spells them, and every legal transition; the database enforces them too."""

from collections.abc import Mapping
from enum import StrEnum
from typing import assert_never

from scoring.synthesis.load import Device


class SubmissionState(StrEnum):
    """The state of a submission."""

    QUEUED = "queued"
    SCORED = "scored"
    REJECTED = "rejected"
    COPY = "copy"
    SUPERSEDED = "superseded"
    """The hotkey committed another one."""
    QUARANTINED = "quarantined"
    """Set aside, by an operator or as a near-copy: it is not judged until it is released."""


class EvaluationState(StrEnum):
    """The state of an evaluation; scored, rejected and parked are terminal."""

    QUEUED = "queued"
    RUNNING = "running"
    SCORED = "scored"
    REJECTED = "rejected"
    PARKED = "parked"
    """Our side failed too often, or the round closed first: no verdict, no loss for the miner."""


SUBMISSION_TRANSITIONS: Mapping[SubmissionState, frozenset[SubmissionState]] = {
    SubmissionState.QUEUED: frozenset(set(SubmissionState) - {SubmissionState.QUEUED}),
    SubmissionState.SCORED: frozenset(set(SubmissionState) - {SubmissionState.QUEUED, SubmissionState.SCORED}),
    SubmissionState.QUARANTINED: frozenset(set(SubmissionState) - {SubmissionState.QUARANTINED}),
    SubmissionState.REJECTED: frozenset({SubmissionState.QUEUED}),
    SubmissionState.COPY: frozenset(),
    SubmissionState.SUPERSEDED: frozenset(),
}
"""The legal transitions of a submission; from `rejected` only an operator brings it back."""

EVALUATION_TRANSITIONS: Mapping[EvaluationState, frozenset[EvaluationState]] = {
    EvaluationState.QUEUED: frozenset({EvaluationState.RUNNING, EvaluationState.PARKED}),
    EvaluationState.RUNNING: frozenset(set(EvaluationState) - {EvaluationState.RUNNING}),
    EvaluationState.PARKED: frozenset({EvaluationState.QUEUED}),
    EvaluationState.SCORED: frozenset(),
    EvaluationState.REJECTED: frozenset(),
}
"""The legal transitions of an evaluation; from `parked` only an operator brings it back, while its round is open."""


class EventKind(StrEnum):
    """The subject of an event."""

    SUBMISSION = "submission"
    EVALUATION = "evaluation"


class ActorKind(StrEnum):
    """The kind of actor that brought a transition about."""

    API = "api"
    """A commitment arrived."""
    VALIDATOR = "validator"
    DISPATCHER = "dispatcher"
    WORKER = "worker"
    OPERATOR = "operator"


class ParkedWhy(StrEnum):
    """The reason why an evaluation has no verdict and waits for nobody."""

    BUDGET = "budget"
    """Our side failed too often: it is stuck, and an operator's to look at."""
    NOT_PUBLIC = "not_public"
    """The repository could not be read yet: it waits at no cost for a later round."""
    ROUND_CLOSED = "round_closed"
    OPERATOR = "operator"


class ValidationState(StrEnum):
    """The state of a validation, a recording that a miner sent to be judged; done and failed are terminal."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class SpeechState(StrEnum):
    """The state of a speech, a sentence that somebody asked to hear; done and failed are terminal."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self in (SpeechState.DONE, SpeechState.FAILED)


class RoundState(StrEnum):
    """open: verdicts are written; closed: its results are final, and validators fold them into their ledgers."""

    OPEN = "open"
    CLOSED = "closed"


class QueueName(StrEnum):
    """A queue: the kind of worker that may claim an evaluation."""

    CPU = "cpu"
    GPU = "gpu"

    @classmethod
    def of(cls, device: Device) -> "QueueName":
        """The queue whose workers have the device that a track speaks on."""
        match device:
            case "cpu":
                return cls.CPU
            case "cuda":
                return cls.GPU
            case unreachable:
                assert_never(unreachable)


class WorkerDuty(StrEnum):
    """The work that a worker takes: evaluations and miners' recordings, sentences that people ask to hear, or both by turns."""

    ALL = "all"
    JUDGING = "judging"
    SPEECH = "speech"


class VerdictState(StrEnum):
    """The three ways in which an evaluation ends for good."""

    SCORED = "scored"
    REJECTED = "rejected"
    COPY = "copy"


class WeightOutcome(StrEnum):
    """The outcome of an attempt to set weights; a sealed one is pending until the chain opened it, then applied or expired."""

    SENDING = "sending"
    """Written before it was sent; its end is not known yet."""
    SET = "set"
    RATE_LIMITED = "rate_limited"
    FAILED = "failed"
    PENDING = "pending"
    APPLIED = "applied"
    EXPIRED = "expired"


class RefusalClass(StrEnum):
    """Who or what ends a refusal of the chain."""

    PASSING = "passing"
    """Time alone: the same weights are taken later."""
    PERMANENT = "permanent"
    """The operator, or the subnet's owner, on the chain."""
    OURS = "ours"
    """A setting or another release of this project."""


class Mechanism(StrEnum):
    """The way in which weights are given to the chain: in the open, or sealed until a round of its beacon."""

    PLAIN = "plain"
    SEALED = "sealed"


class AuditOutcome(StrEnum):
    """The outcome of judging another validator's evaluation again; only `differs` is held against its worker."""

    DRAWN = "drawn"
    """Not tried yet."""
    HOLDS = "holds"
    DIFFERS = "differs"
    """Beyond tolerance."""
    MISSING = "missing"
    """Its audio is not kept."""
    FAILED = "failed"
    """It could not be tried here."""
