"""A node at one moment, as one screen shows it: chain, round by track, queues, workers, validators, and what is not well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from neurons.doctor.chain_health import ChainView
from neurons.doctor.finding import Finding, Health
from scoring.types import Entrant, Hotkey
from voice_api.db.database import Pool
from voice_api.db.health import NodeHealth, RoundTimes, TrackProgress
from voice_api.db.pages import PageRows, ValidatorLine, WorkerCount
from voice_api.db.states import WeightOutcome
from voice_api.db.weights import WeightAttempt, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStatus:
    """What the database says of a node."""

    round: RoundTimes | None
    tracks: Sequence[TrackProgress]
    workers: Sequence[WorkerCount]
    validators: Sequence[ValidatorLine]
    validator: Hotkey | None
    """Whose kings and burn these are."""
    kings: Mapping[str, Entrant]
    burn: float | None
    """The burned share of the last weights; None where none were set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """A node at one moment; None stands for what does not answer, and a finding says why."""

    at: datetime
    chain: ChainView | None
    stored: StoredStatus | None
    findings: Sequence[Finding]

    @property
    def problems(self) -> Sequence[Finding]:
        """What is not well, what fails first."""
        return [each for health in (Health.FAILING, Health.WARNING) for each in self.findings if each.health is health]


async def read_stored(pool: Pool, validator: Hotkey | None) -> StoredStatus:
    """Read the database; without a validator the first one whose ledger is there."""
    health, pages = NodeHealth(pool), PageRows(pool)
    lines = await pages.validators()
    whose = validator or next((line.validator for line in lines if line.round is not None), None)
    head = None if whose is None else await health.head(whose)
    last = [] if whose is None else await Weights(pool, whose).page(limit=1)
    return StoredStatus(
        round=await health.round(),
        tracks=await health.tracks(),
        workers=await pages.workers(),
        validators=lines,
        validator=whose,
        kings={} if head is None else head.kings,
        burn=next((each.plan.burn for each in last if isinstance(each, WeightAttempt)), None),
    )


def as_data(status: NodeStatus) -> dict[str, Any]:
    """The status as plain JSON data."""
    chain, stored = status.chain, status.stored
    return {
        "at": status.at.isoformat(timespec="seconds"),
        "healthy": not any(each.health is Health.FAILING for each in status.findings),
        "chain": None
        if chain is None
        else {"head": chain.head, "head_at": chain.head_at.isoformat(timespec="seconds"), "finalized": chain.finalized},
        **(
            _stored(stored)
            if stored is not None
            else dict.fromkeys(("round", "tracks", "workers", "validators", "kings", "burn"))
        ),
        "problems": [each.as_data() for each in status.problems],
    }


def _stored(stored: StoredStatus) -> dict[str, Any]:
    return {
        "round": None if stored.round is None else _round(stored.round),
        "tracks": [_track(each) for each in stored.tracks],
        "workers": [
            {"queue": each.queue.value, "taking": each.workers, "draining": each.draining, "hosts": each.hosts}
            for each in stored.workers
        ],
        "validators": [_validator(each) for each in stored.validators],
        "kings": dict(stored.kings),
        "burn": stored.burn,
    }


def _round(found: RoundTimes) -> dict[str, Any]:
    return {
        "round": found.round,
        "state": found.state.value,
        "start_block": found.start_block,
        "deadline_block": found.deadline_block,
        "opened_at": found.opened_at.isoformat(timespec="seconds"),
        "closed_at": None if found.closed_at is None else found.closed_at.isoformat(timespec="seconds"),
    }


def _track(each: TrackProgress) -> dict[str, Any]:
    return {
        "track": each.track or None,
        "queue": each.queue.value,
        "total": each.total,
        "queued": each.queued,
        "running": each.running,
        "scored": each.scored,
        "rejected": each.rejected,
        "parked": each.parked,
        "waits_seconds": None if each.waits is None else each.waits.total_seconds(),
    }


def _validator(line: ValidatorLine) -> dict[str, Any]:
    return {
        "validator": line.validator,
        "round": line.round,
        "folded_at": None if line.folded_at is None else line.folded_at.isoformat(timespec="seconds"),
        "refused": line.distrust or None,
        "weights": None if line.outcome is None else WeightOutcome(line.outcome).value,
        "weights_block": line.block,
        "attempted_at": None if line.attempted_at is None else line.attempted_at.isoformat(timespec="seconds"),
    }
