"""How the whole service stands, on the wire: what anybody may know of it, without hosts, operators or their reasons."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from scoring.types import Block, RoundNumber
from voice_api.db.states import QueueName, WeightOutcome
from voice_api.schemas.readiness import Part
from voice_api.schemas.wire import Ss58, Wire


class QueueStatus(Wire):
    """A queue, and who works on it."""

    queue: QueueName
    workers: Annotated[int, Field(description="Live ones that take new work.", examples=[3])]
    draining: Annotated[int, Field(description="Live ones that take nothing new.", examples=[0])]
    hosts: Annotated[int, Field(description="Machines on which they run.", examples=[2])]
    running: Annotated[int, Field(description="Evaluations that run.", examples=[3])]
    due_since: Annotated[datetime | None, Field(description="When the oldest waiting work was due; absent where none waits.")]


class ValidatorStatus(Wire):
    """A validator whose ledger or weights are kept here."""

    validator: Ss58
    round: Annotated[RoundNumber | None, Field(description="The last that it folded.", examples=[1_204])]
    folded_at: datetime | None
    refused: Annotated[str, Field(description="Why receipts of that round do not count; '' where all do.", examples=[""])]
    block: Annotated[Block | None, Field(description="Of its last attempt to set weights.", examples=[434_171])]
    outcome: Annotated[WeightOutcome | None, Field(examples=["applied"])]
    attempted_at: datetime | None


class IncidentKind(StrEnum):
    """What stands still until an operator acts."""

    BUDGET = "budget"
    """Evaluations of open rounds whose retries are used up."""
    OPERATOR = "operator"
    """Evaluations of open rounds that an operator set aside."""
    DRAINED = "drained"
    """Hosts that get nothing new."""


class Incident(Wire):
    """So many of one kind."""

    kind: IncidentKind
    count: Annotated[int, Field(examples=[2])]


class StatusOut(Wire):
    """Part by part; queues, validators and incidents are null while the database is away."""

    ready: Annotated[bool, Field(description="Whether requests can be served.")]
    hotkey: Annotated[Ss58, Field(description="The hotkey that the API answers as: requests are signed for it.")]
    parts: tuple[Part, ...]
    queues: tuple[QueueStatus, ...] | None
    validators: tuple[ValidatorStatus, ...] | None
    incidents: tuple[Incident, ...] | None
    registry_block: Annotated[Block | None, Field(description="Of the registry as stored.", examples=[434_172])]
    registry_at: Annotated[datetime | None, Field(description="When it was received.")]
