"""A job of RQ's as a worker takes it from Redis, where other hosts and whoever took one over write, too: a wake-up, or nothing."""

from collections.abc import Mapping
from typing import Any

import structlog
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.utils import as_text

from voice_api.db.states import QueueName
from voice_api.dispatch.wakeups import JOB, NO_LIMIT

log = structlog.get_logger()

REFUSED = "refused"
_KEPT = frozenset(
    {
        "data",
        "origin",
        "status",
        "created_at",
        "enqueued_at",
        "started_at",
        "ended_at",
        "last_heartbeat",
        "worker_name",
        "result_ttl",
    }
)
"""What a wake-up needs. Nothing else is read: functions to call afterwards, addresses to tell, limits, other jobs."""


class WakeUpJob(Job):
    """A job that can be a wake-up of ours and nothing else. RQ itself calls whichever function a job names."""

    def restore(self, raw_data: Mapping[bytes | str, bytes]) -> Any:
        """Read what a wake-up has, and leave out the rest."""
        super().restore({name: value for name, value in raw_data.items() if as_text(name) in _KEPT})
        self.timeout = NO_LIMIT

    def perform(self) -> Any:
        """Wake up, if that is what the job says; say so in the log, and do nothing, if it says anything else."""
        if self._is_wakeup():
            return super().perform()
        log.error(
            "a job that is no wake-up was refused: somebody who knows the password of Redis writes there; change it, and look at "
            "every host that has it",
            job=self.id,
        )
        return REFUSED

    def _is_wakeup(self) -> bool:
        try:
            said = (self.func_name, self.instance, self.args, self.kwargs)
        except DeserializationError:
            return False
        return said in [(JOB, None, [name.value], {}) for name in QueueName]
