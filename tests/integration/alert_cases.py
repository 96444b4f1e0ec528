"""What a healthy network shows, minute by minute, and what it shows in each trouble: the numbers that alerts are tried on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

MINUTES = 260
"""As long as numbers are recorded: longer than any alert waits and looks back, twice."""
BEGAN = 10
"""The minute in which each trouble begins."""
DAY = 86_400

Values = tuple[float, ...]
"""A value for each minute; NaN where nothing is shown."""
Numbers = Mapping[str, Values]
"""Values by series."""
MISSING = math.nan


def flat(value: float, minutes: int = MINUTES) -> Values:
    """One value all the time."""
    return (float(value),) * minutes


def then(before: float, after: float, at: int = BEGAN) -> Values:
    """One value before the trouble, another from a minute on."""
    return flat(before, at) + flat(after, MINUTES - at)


def ramp(step: float, start: float = 0.0, since: int = 0, times: int = MINUTES) -> Values:
    """A value that stands, then rises by as much each minute, so many times, and stands again."""
    return tuple(start + step * min(times, max(0, minute - since)) for minute in range(MINUTES))


def clock(stops: int = MINUTES) -> Values:
    """A moment that is always now, or stands still from a minute on; recorded time begins at 0."""
    return tuple(60.0 * min(minute, stops) for minute in range(MINUTES))


def over(name: str, trouble: Values, ends: int) -> Values:
    """A series whose trouble ends in a minute: as a healthy network has it from then on; a counter goes on from where it stands."""
    healthy = HEALTHY.get(name, flat(MISSING))
    if name.partition("{")[0].endswith(("_total", "_bucket")):
        return trouble[:ends] + tuple(trouble[ends] + healthy[minute] - healthy[ends] for minute in range(ends, MINUTES))
    return trouble[:ends] + healthy[ends:]


def of(job: str, name: str, labels: str = "") -> str:
    """A series of one process."""
    both = f'job="{job}",instance="{job}"' + (f",{labels}" if labels else "")
    return f"{name}{{{both}}}"


API, DISPATCHER, QUEUE, VALIDATOR, WORKER = "api", "dispatcher", "model-queue", "validator", "worker"
HEALTHY: Numbers = {
    **{of(job, "up"): flat(1) for job in (API, DISPATCHER, QUEUE, VALIDATOR, WORKER)},
    of(API, "voice_database_up"): flat(1),
    of(API, "voice_dispatcher_present"): flat(1),
    of(API, "voice_registry_age_seconds"): flat(12),
    of(API, "voice_workers", 'queue="cpu",takes="all",state="live"'): flat(2),
    of(API, "voice_workers", 'queue="cpu",takes="all",state="gone"'): flat(0),
    of(API, "voice_workers", 'queue="gpu",takes="all",state="live"'): flat(0),
    of(API, "voice_workers", 'queue="gpu",takes="all",state="gone"'): flat(0),
    of(API, "voice_workers", 'queue="cpu",takes="speech",state="live"'): flat(1),
    of(API, "voice_workers", 'queue="cpu",takes="speech",state="gone"'): flat(0),
    of(API, "voice_queue_age_seconds", 'queue="cpu",of="evaluations",track="small"'): flat(200),
    of(API, "voice_queue_age_seconds", 'queue="gpu",of="evaluations",track=""'): flat(0),
    of(API, "voice_queue_age_seconds", 'queue="cpu",of="speeches",track=""'): flat(20),
    of(API, "voice_api_requests_total", 'status="200"'): ramp(600),
    of(API, "voice_api_requests_total", 'status="503"'): flat(0),
    of(API, "voice_api_request_seconds_bucket", 'route="/v1/leaderboard",le="0.1"'): ramp(600),
    of(API, "voice_api_request_seconds_bucket", 'route="/v1/leaderboard",le="5.0"'): ramp(600),
    of(API, "voice_api_request_seconds_bucket", 'route="/v1/leaderboard",le="+Inf"'): ramp(600),
    of(API, "voice_api_request_seconds_bucket", 'route="/v1/live",le="0.1"'): flat(0),
    of(API, "voice_api_request_seconds_bucket", 'route="/v1/live",le="+Inf"'): ramp(90),
    of(API, "voice_api_connections_sent_away", 'why="refused"'): flat(0),
    of(API, "voice_disk_free_bytes", 'of="store"'): flat(400e9),
    of(API, "voice_disk_bytes", 'of="store"'): flat(1000e9),
    of(DISPATCHER, "voice_redis_up"): flat(1),
    of(DISPATCHER, "voice_redis_emptied_total"): flat(0),
    of(DISPATCHER, "voice_dispatcher_leases_expired_total", 'of="evaluations"'): flat(0),
    of(DISPATCHER, "voice_tick_success_timestamp_seconds"): clock(),
    of(QUEUE, "voice_tick_success_timestamp_seconds"): clock(),
    of(QUEUE, "voice_chain_moved_timestamp_seconds"): clock(),
    of(QUEUE, "voice_clock_ahead_seconds"): flat(30),
    of(VALIDATOR, "voice_tick_success_timestamp_seconds"): clock(),
    of(VALIDATOR, "voice_chain_moved_timestamp_seconds"): clock(),
    of(VALIDATOR, "voice_clock_ahead_seconds"): flat(45),
    of(VALIDATOR, "voice_ledger_round"): ramp(0.01, 7),
    of(VALIDATOR, "voice_rounds_uncounted"): flat(0),
    of(VALIDATOR, "voice_receipts_refused", 'why="certificate"'): flat(0),
    of(VALIDATOR, "voice_receipts_refused", 'why="rules"'): flat(0),
    of(VALIDATOR, "voice_receipts_refused", 'why="evidence"'): flat(0),
    of(VALIDATOR, "voice_track_refused", 'track="small"'): flat(0),
    of(VALIDATOR, "voice_ledgers_part"): flat(0),
    of(VALIDATOR, "voice_audits", 'outcome="differs"'): flat(0),
    of(VALIDATOR, "voice_weights_held"): flat(0),
    of(VALIDATOR, "voice_weights_stopped", 'class="ours"'): flat(0),
    of(VALIDATOR, "voice_weights_stopped", 'class="permanent"'): flat(0),
    of(VALIDATOR, "voice_weights_stopped", 'class="passing"'): flat(0),
    of(VALIDATOR, "voice_weights_age_blocks"): flat(120),
    of(VALIDATOR, "voice_weights_cutoff_blocks"): flat(5000),
    of(VALIDATOR, "voice_weights_expired_in_a_row"): flat(0),
    of("backup", "voice_backup_age_seconds"): flat(DAY // 2),
    of(WORKER, "voice_worker_runs_total", 'outcome="scored",code=""'): ramp(0.2),
    of(WORKER, "voice_worker_runs_total", 'outcome="parked",code="hub-unavailable"'): flat(0),
    of(WORKER, "voice_worker_runs_total", 'outcome="handed back",code="hub-unavailable"'): flat(0),
    of(WORKER, "voice_worker_runs_total", 'outcome="parked",code="store-unavailable"'): flat(0),
    of(WORKER, "voice_certificate_expires_timestamp_seconds"): flat(60 * DAY),
    of(WORKER, "voice_disk_free_bytes", 'of="data"'): flat(300e9),
    of(WORKER, "voice_disk_bytes", 'of="data"'): flat(1000e9),
    of(WORKER, "voice_card_temperature_celsius", 'card="00000000:17:00.0"'): flat(64),
}


@dataclass(frozen=True, slots=True)
class AlertCase:
    """A trouble: what it changes of a healthy network, and what fires once it is told: one alert, and what follows from it."""

    name: str
    told: str
    changes: Numbers
    at: int = 30
    """The minute that is looked at; the trouble began at 10."""
    follow: frozenset[str] = field(default_factory=frozenset)
    """Alerts that fire as well, and are kept silent."""


def case(name: str, told: str, changes: Numbers, *, at: int = 30, follow: str = "") -> AlertCase:
    """One trouble; `follow` names the silent alerts."""
    return AlertCase(name, told, changes, at, frozenset(follow.split()))


RUNS = "voice_worker_runs_total"
_AWAY = {
    name: HEALTHY[name][:BEGAN] + flat(MISSING, MINUTES - BEGAN)
    for name in HEALTHY
    if any(part in name for part in ("voice_workers", "voice_queue_age", "voice_registry_age"))
}
"""The API shows nothing of the database's while it is away."""
NOT_JUDGED = of(API, "voice_queue_age_seconds", 'queue="cpu",of="evaluations",track="small"')
_WAITS = ramp(60, 200, since=BEGAN)

GAME_DAY = (
    case(
        "PostgreSQL down",
        "PostgresqlIsAway",
        {
            **_AWAY,
            of(API, "voice_database_up"): then(1, 0),
            of(API, "voice_dispatcher_present"): then(1, 0),
            of(API, "voice_api_requests_total", 'status="503"'): ramp(300, since=BEGAN),
            of(QUEUE, "voice_tick_success_timestamp_seconds"): clock(BEGAN),
            of(VALIDATOR, "voice_tick_success_timestamp_seconds"): clock(BEGAN),
            of(VALIDATOR, "voice_weights_held"): then(0, 1),
        },
        at=130,
        follow="ApiFails DaemonMakesNoTurn LastPlanIsHeld",
    ),
    case(
        "Redis flushed",
        "RedisWasEmptied",
        {
            of(DISPATCHER, "voice_redis_emptied_total"): then(0, 1),
            of(API, "voice_api_requests_total", 'status="503"'): ramp(300, since=BEGAN, times=3),
        },
        at=17,
        follow="ApiFails",
    ),
    case(
        "Wrong trust",
        "NothingCounts",
        {
            of(VALIDATOR, "voice_rounds_uncounted"): then(0, 1),
            of(VALIDATOR, "voice_receipts_refused", 'why="certificate"'): then(0, 6),
            of(VALIDATOR, "voice_track_refused", 'track="small"'): then(0, 1),
            of(VALIDATOR, "voice_weights_held"): then(0, 1),
        },
        at=180,
        follow="NothingCountsInATrack LastPlanIsHeld",
    ),
    case(
        "Certificate with 3 days left",
        "CertificateEndsSoon",
        {of(WORKER, "voice_certificate_expires_timestamp_seconds"): flat(3 * DAY)},
    ),
    case(
        "Disk full",
        "DiskIsFull",
        {
            of(WORKER, "voice_disk_free_bytes", 'of="data"'): then(300e9, 1e9),
            of(WORKER, RUNS, 'outcome="parked",code="store-unavailable"'): then(0, 4, at=20),
            of(VALIDATOR, "voice_rounds_uncounted"): then(0, 2, at=60),
        },
        at=40,
        follow="DiskFillsUp JobsAreStuck",
    ),
    case(
        "Chain frozen",
        "ChainStandsStill",
        {
            of(QUEUE, "voice_chain_moved_timestamp_seconds"): clock(BEGAN),
            of(VALIDATOR, "voice_chain_moved_timestamp_seconds"): clock(BEGAN),
            of(VALIDATOR, "voice_clock_ahead_seconds"): then(45, 290),
            of(QUEUE, "voice_clock_ahead_seconds"): then(30, 200),
        },
        at=60,
        follow="ClockIsWrong",
    ),
    case(
        "Worker gone",
        "WorkerIsGone",
        {
            of(API, "voice_workers", 'queue="cpu",takes="all",state="live"'): then(2, 1),
            of(API, "voice_workers", 'queue="cpu",takes="all",state="gone"'): then(0, 1),
            of(WORKER, "up"): then(1, 0),
            of(DISPATCHER, "voice_dispatcher_leases_expired_total", 'of="evaluations"'): then(0, 3, at=25),
        },
        follow="LeasesExpire",
    ),
    case(
        "Clock + 5 min",
        "ClockIsWrong",
        {
            of(QUEUE, "voice_clock_ahead_seconds"): then(30, 330),
            of(VALIDATOR, "voice_clock_ahead_seconds"): then(45, 345),
        },
    ),
    case(
        "Hub 404",
        "HubIsAway",
        {
            of(WORKER, RUNS, 'outcome="scored",code=""'): ramp(0.2, times=BEGAN),
            of(WORKER, RUNS, 'outcome="handed back",code="hub-unavailable"'): ramp(1, since=BEGAN, times=6),
            of(WORKER, RUNS, 'outcome="parked",code="hub-unavailable"'): then(0, 2, at=20),
            of(VALIDATOR, "voice_rounds_uncounted"): then(0, 2, at=25),
        },
        follow="JobsAreStuck",
    ),
    case(
        "Dead beacon",
        "SealedWeightsExpire",
        {of(VALIDATOR, "voice_weights_expired_in_a_row"): then(0, 2)},
    ),
    case("Parted ledger", "LedgersPart", {of(VALIDATOR, "voice_ledgers_part"): then(0, 1)}),
    case(
        "Wrong version key",
        "NoWeightsAreSet",
        {
            of(VALIDATOR, "voice_weights_stopped", 'class="ours"'): then(0, 1),
            of(VALIDATOR, "voice_weights_age_blocks"): then(120, 4100),
        },
        at=60,
        follow="WeightsAreOld",
    ),
)
"""The troubles that a game day makes, in its words."""

OTHERS = (
    case(
        "Redis down",
        "RedisIsAway",
        {
            of(DISPATCHER, "voice_redis_up"): then(1, 0),
            of(API, "voice_api_requests_total", 'status="503"'): ramp(300, since=BEGAN),
        },
        follow="ApiFails",
    ),
    case(
        "Redis down, and back without what it held",
        "RedisIsAway",
        {
            of(DISPATCHER, "voice_redis_up"): then(1, 0)[:15] + flat(1, MINUTES - 15),
            of(DISPATCHER, "voice_redis_emptied_total"): then(0, 1, at=16),
        },
        at=19,
    ),
    case(
        "The dispatcher ended",
        "ProcessDown",
        {
            of(DISPATCHER, "up"): then(1, 0),
            of(API, "voice_dispatcher_present"): then(1, 0),
            **{
                name: HEALTHY[name][:BEGAN] + flat(MISSING, MINUTES - BEGAN)
                for name in HEALTHY
                if 'job="dispatcher"' in name and "up{" not in name
            },
        },
        follow="NobodyDispatches",
    ),
    case("Two dispatchers that do not lead", "NobodyDispatches", {of(API, "voice_dispatcher_present"): then(1, 0)}),
    case("A process that never came", "ProcessNeverAnswered", {of("archive", "up"): flat(0)}, at=50),
    case("A disk that fills", "DiskFillsUp", {of(API, "voice_disk_free_bytes", 'of="store"'): then(400e9, 40e9)}),
    case("Backups that fail", "BackupIsOld", {of("backup", "voice_backup_age_seconds"): then(DAY, 3 * DAY)}),
    case(
        "A daemon whose API refuses it",
        "DaemonMakesNoTurn",
        {
            of(QUEUE, "voice_tick_success_timestamp_seconds"): clock(BEGAN),
            of(API, "voice_registry_age_seconds"): ramp(60, 12, since=BEGAN),
        },
        at=60,
        follow="RegistryIsStale",
    ),
    case(
        "A registry that nobody sends",
        "RegistryIsStale",
        {of(API, "voice_registry_age_seconds"): ramp(60, 12, since=BEGAN)},
        at=60,
    ),
    case(
        "The only worker killed",
        "NobodyWorks",
        {
            of(API, "voice_workers", 'queue="cpu",takes="all",state="live"'): then(1, 0),
            of(API, "voice_workers", 'queue="cpu",takes="all",state="gone"'): then(0, 1),
            NOT_JUDGED: _WAITS,
            of(DISPATCHER, "voice_dispatcher_leases_expired_total", 'of="evaluations"'): then(0, 3, at=80),
        },
        at=90,
        follow="QueueIsOld LeasesExpire",
    ),
    case(
        "The only worker for sentences killed",
        "WorkerIsGone",
        {
            of(API, "voice_workers", 'queue="cpu",takes="speech",state="live"'): then(1, 0),
            of(API, "voice_workers", 'queue="cpu",takes="speech",state="gone"'): then(0, 1),
            of(API, "voice_queue_age_seconds", 'queue="cpu",of="speeches",track=""'): then(20, 400, at=15),
        },
        follow="SentencesWait",
    ),
    case(
        "Work for cards, and none came",
        "NobodyWorks",
        {of(API, "voice_queue_age_seconds", 'queue="gpu",of="evaluations",track=""'): ramp(60, since=BEGAN)},
    ),
    case("Workers that do not keep up", "QueueIsOld", {NOT_JUDGED: _WAITS}, at=90),
    case(
        "Sentences that wait",
        "SentencesWait",
        {of(API, "voice_queue_age_seconds", 'queue="cpu",of="speeches",track=""'): then(20, 400)},
    ),
    case(
        "A bug that parks",
        "JobsAreStuck",
        {of(WORKER, RUNS, 'outcome="parked",code="worker-error"'): then(0, 1)},
    ),
    case(
        "Hosts that are too slow",
        "LeasesExpire",
        {of(DISPATCHER, "voice_dispatcher_leases_expired_total", 'of="evaluations"'): then(0, 4, at=25)},
    ),
    case("A hot card", "CardIsHot", {of(WORKER, "voice_card_temperature_celsius", 'card="00000000:17:00.0"'): then(64, 93)}),
    case(
        "Certificate with hours left",
        "CertificateHasEnded",
        {of(WORKER, "voice_certificate_expires_timestamp_seconds"): flat(DAY // 2)},
        follow="CertificateEndsSoon",
    ),
    case(
        "Rounds that nothing reaches",
        "NothingArrives",
        {of(VALIDATOR, "voice_rounds_uncounted"): then(0, 2)},
        at=120,
    ),
    case(
        "One track refused",
        "NothingCountsInATrack",
        {of(VALIDATOR, "voice_track_refused", 'track="small"'): then(0, 1)},
        at=120,
    ),
    case(
        "One worker with an old release",
        "ReceiptsAreRefused",
        {of(VALIDATOR, "voice_receipts_refused", 'why="rules"'): then(0, 2)},
    ),
    case("An audit that differs", "AWorkerIsFoundOut", {of(VALIDATOR, "voice_audits", 'outcome="differs"'): then(0, 1)}),
    case("A plan that stays held", "LastPlanIsHeld", {of(VALIDATOR, "voice_weights_held"): then(0, 1)}, at=120),
    case(
        "Refusals that do not pass",
        "WeightsWait",
        {of(VALIDATOR, "voice_weights_stopped", 'class="passing"'): then(0, 1)},
        at=120,
    ),
    case("Weights that age", "WeightsAreOld", {of(VALIDATOR, "voice_weights_age_blocks"): then(120, 4100)}, at=60),
    case(
        "A bug of the API's",
        "ApiFails",
        {of(API, "voice_api_requests_total", 'status="500"'): ramp(60, since=BEGAN)},
    ),
    case(
        "A slow database",
        "ApiIsSlow",
        {of(API, "voice_api_request_seconds_bucket", 'route="/v1/leaderboard",le="0.1"'): flat(0)},
        at=60,
    ),
    case(
        "Callers without a place",
        "CallersAreSentAway",
        {of(API, "voice_api_connections_sent_away", 'why="refused"'): ramp(20, since=BEGAN)},
    ),
)
