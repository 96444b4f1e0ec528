"""Live workers, on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from scoring.types import EvaluationId
from voice_api.db.states import QueueName
from voice_api.schemas.wire import Wire


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
