"""An operator's part of the wire: orders, each with a body of its own and a reason; stuck evaluations; live workers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from scoring.errors import Code
from scoring.types import EvaluationId, Hotkey, SubmissionId
from voice_api.db.states import ParkedWhy, QueueName
from voice_api.schemas.wire import NO_NUL, Page, Ss58, Wire

Host = Annotated[
    str, Field(min_length=1, max_length=255, pattern=NO_NUL, description="As its workers name it.", examples=["gpu-07"])
]
_Id = Field(ge=1, lt=2**63)


def _in_utc(moment: datetime) -> datetime:
    """The same moment; at both ends of the calendar a zone's offset leads out of it, and no database could be asked."""
    try:
        return moment.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError("not a moment of the years 1 to 9999 in UTC") from exc


_Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Order(Wire):
    """The reason: it stands in the event that the order leaves behind."""

    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=NO_NUL, examples=["the hub is back"])]


class EvaluationOrder(Order):
    """About one evaluation."""

    evaluation_id: Annotated[EvaluationId, _Id, Field(examples=[28_113])]


class SubmissionOrder(Order):
    """About one submission."""

    submission_id: Annotated[SubmissionId, _Id, Field(examples=[412])]


class HotkeyOrder(Order):
    """About everything of one hotkey."""

    hotkey: Ss58


class HostOrder(Order):
    """About one host of workers."""

    host: Host


class Window(Order):
    """From `since` to before `until`, by when an evaluation was last claimed."""

    since: Annotated[_Moment, Field(examples=["2026-11-22T09:00:00Z"])]
    until: Annotated[_Moment, Field(examples=["2026-11-22T10:00:00Z"])]

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.since >= self.until:
            raise ValueError("since lies before until")
        return self


class HostWindow(Window):
    """Evaluations that ran on a host in a window."""

    host: Host


class CodeWindow(Window):
    """Evaluations that failed with a code of ours in a window."""

    code: Annotated[Code, Field(examples=[2001])]


class Verb(StrEnum):
    """An order, as the path spells it."""

    REQUEUE = "requeue"
    REQUEUE_BY_HOST = "requeue-by-host"
    REQUEUE_BY_CODE = "requeue-by-code"
    PARK = "park"
    RELEASE = "release"
    QUARANTINE = "quarantine"
    UNQUARANTINE = "unquarantine"
    CONFIRM_COPY = "confirm-copy"
    BAN = "ban"
    UNBAN = "unban"
    DRAIN = "drain"
    UNDRAIN = "undrain"


ORDERS: Mapping[Verb, type[Order]] = {
    Verb.REQUEUE: EvaluationOrder,
    Verb.REQUEUE_BY_HOST: HostWindow,
    Verb.REQUEUE_BY_CODE: CodeWindow,
    Verb.PARK: EvaluationOrder,
    Verb.RELEASE: EvaluationOrder,
    Verb.QUARANTINE: SubmissionOrder,
    Verb.UNQUARANTINE: SubmissionOrder,
    Verb.CONFIRM_COPY: SubmissionOrder,
    Verb.BAN: HotkeyOrder,
    Verb.UNBAN: HotkeyOrder,
    Verb.DRAIN: HostOrder,
    Verb.UNDRAIN: HostOrder,
}
"""The body of each verb."""


class Ordered(Wire):
    """The evaluations and submissions that an order changed; none, where it was about a host or unbanned a hotkey."""

    evaluations: Annotated[tuple[EvaluationId, ...], Field(examples=[[28_113]])] = ()
    submissions: Annotated[tuple[SubmissionId, ...], Field(examples=[[]])] = ()


class StuckOut(Wire):
    """An evaluation of an open round that waits for an operator."""

    evaluation_id: Annotated[EvaluationId, Field(examples=[28_113])]
    submission_id: Annotated[SubmissionId, Field(examples=[412])]
    hotkey: Annotated[Hotkey, Field(examples=["5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"])]
    round: Annotated[int, Field(examples=[1_204])]
    queue: QueueName
    parked_why: ParkedWhy
    code: Annotated[Code | None, Field(examples=[2001])]
    reason: Annotated[str | None, Field(examples=["The model hub did not answer as it should."])]
    attempt: Annotated[int, Field(examples=[4])]
    failures: Annotated[int, Field(examples=[4])]
    host: Annotated[str | None, Field(examples=["gpu-07"])]
    finished_at: AwareDatetime


class StuckPage(Page[StuckOut]):
    """By id; `next` is the next page's `after`, absent on the last page."""

    next: Annotated[EvaluationId | None, Field(examples=[None])]


class WorkerOut(Wire):
    """A worker that showed itself lately."""

    name: Annotated[str, Field(examples=["gpu-07-4211-9f3a01c2"])]
    host: Annotated[str, Field(examples=["gpu-07"])]
    queue: QueueName
    started_at: datetime
    seen_at: datetime
    draining: Annotated[bool, Field(description="It ends after what it does, or its host is drained.")]
    evaluation_id: Annotated[EvaluationId | None, Field(description="What it works on.", examples=[28_113])]


class WorkersOut(Wire):
    """Every live worker, by name."""

    workers: tuple[WorkerOut, ...]
