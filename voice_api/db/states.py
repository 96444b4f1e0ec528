"""The closed sets of states and queues, as the database spells them."""

from enum import StrEnum


class SubmissionState(StrEnum):
    """Where a submission stands."""

    QUEUED = "queued"
    SCORED = "scored"
    REJECTED = "rejected"
    COPY = "copy"
    SUPERSEDED = "superseded"
    """The hotkey committed another one."""


class EvaluationState(StrEnum):
    """Where an evaluation stands; scored, rejected and parked are terminal."""

    QUEUED = "queued"
    RUNNING = "running"
    SCORED = "scored"
    REJECTED = "rejected"
    PARKED = "parked"
    """Our side failed too often, or the round closed first: no verdict, no loss for the miner."""


class RoundState(StrEnum):
    """open: verdicts are written; closed: its results are final; folded: they are in the ledger."""

    OPEN = "open"
    CLOSED = "closed"
    FOLDED = "folded"


class QueueName(StrEnum):
    """Which workers may claim an evaluation."""

    CPU = "cpu"
    GPU = "gpu"


class VerdictState(StrEnum):
    """The three ways in which an evaluation ends for good."""

    SCORED = "scored"
    REJECTED = "rejected"
    COPY = "copy"


class Outcome(StrEnum):
    """How an attempt to set weights ended."""

    SET = "set"
    RATE_LIMITED = "rate_limited"
    FAILED = "failed"
