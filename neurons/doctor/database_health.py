"""PostgreSQL and what stands in it of workers and queues: read by `voice_api.db`, judged here."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from neurons.doctor.catalogue import CheckName
from neurons.doctor.finding import Finding, failing, unknown, warning, well
from neurons.doctor.words import lasting, listed, skew
from voice_api.db.health import ServerHealth, TrackProgress
from voice_api.db.processes import LIVE, WorkerRow
from voice_api.db.states import QueueName

WAITS_LONG, WAITS_TOO_LONG = timedelta(minutes=15), timedelta(hours=1)
"""Due work that no worker took for so long is worth a look, or an act."""
_SKEW, _MOST_SKEW = timedelta(seconds=2), timedelta(seconds=10)
"""A request whose signature comes from so far ahead, or is so old, is refused; clocks that the network sets differ by milliseconds."""


def server(moment: ServerHealth, newest: str) -> tuple[Finding, ...]:
    """The rows of PostgreSQL, of its schema beside the `newest` revision, and of this host's clock."""
    if moment.follows:
        fix = "Name the server that takes writes in DATABASE_URL."
        database = failing(CheckName.DATABASE, "it answers, but only follows another server", fix)
    else:
        database = well(CheckName.DATABASE, f"PostgreSQL {moment.version.split()[0]} answers {moment.role}")
    return database, _schema(moment.revision, newest), _clock(moment)


def _schema(found: str | None, newest: str) -> Finding:
    check, upgrade = CheckName.SCHEMA, "Run `voice db upgrade`, then `voice db roles` (in compose: `docker compose up migrate`)."
    if found is None:
        return failing(check, "the database has no tables yet", upgrade)
    if found == newest:
        return well(check, f"revision {found}, the newest")
    if found < newest:
        return failing(check, f"revision {found}, and this release needs {newest}", upgrade)
    return failing(
        check, f"revision {found} is of a newer release than this one, which knows {newest}", "Upgrade this host, too."
    )


def _clock(moment: ServerHealth) -> Finding:
    (before, after), check = moment.asked, CheckName.DATABASE_CLOCK
    unsure = (after - before) / 2
    ahead = before + unsure - moment.at
    if abs(ahead) <= _SKEW + unsure:
        return well(check, "the same, to a second or two")
    row = failing if abs(ahead) > _MOST_SKEW + unsure else warning
    return row(check, f"this host's clock is {skew(ahead)} PostgreSQL's", "Set both clocks by the network (`timedatectl`).")


def dispatcher(led: bool) -> Finding:
    """Whether a dispatcher leads."""
    if led:
        return well(CheckName.DISPATCHER, "one leads")
    fix = "Start it: `voice dispatcher` (in compose: `docker compose up --detach dispatcher`)."
    return failing(CheckName.DISPATCHER, "none leads: nobody wakes workers, and leases that ran out stay", fix)


def workers(found: Sequence[WorkerRow], needed: Mapping[QueueName, Sequence[str]], now: datetime) -> tuple[Finding, ...]:
    """A row for each queue that a track needs, and for those that other workers take; `needed` names the tracks of each queue.

    `found` are all that were seen within a day, and `now` is PostgreSQL's.
    """
    live = [each for each in found if each.seen_at > now - LIVE]
    gone = [each for each in found if each.seen_at <= now - LIVE]
    queues = [queue for queue in QueueName if needed.get(queue) or any(each.queue is queue for each in found)]
    return tuple(_workers(queue, live, gone, needed.get(queue, ())) for queue in queues)


def _workers(queue: QueueName, live: Iterable[WorkerRow], gone: Iterable[WorkerRow], tracks: Sequence[str]) -> Finding:
    check, here = CheckName.WORKERS, [each for each in live if each.queue is queue]
    taking = [each for each in here if not each.draining]
    lost = sorted({each.host for each in gone if each.queue is queue} - {each.host for each in here})
    if not taking:
        why = f"{len(here)} drain" if here else "none lives"
        if not tracks:
            return well(check, f"{queue}: {why}, and no track needs one")
        seen = f"; last seen on {listed(lost)}" if lost else ""
        fix = (
            "Let a host take work again: `voice operator undrain HOST`, or start a worker elsewhere."
            if here
            else f"Start one: `VOICE_QUEUE={queue} voice worker` on a worker's host; its log says why it ended."
        )
        return failing(check, f"{queue}: {why}{seen}; needed by {listed(tracks)}", fix)
    value = f"{queue}: {len(taking)} on {listed(sorted({each.host for each in taking}))}"
    if lost:
        return warning(check, f"{value}; gone without a word: {listed(lost)}", "Look at the worker's log on that host.")
    return well(check, value)


def queues(tracks: Sequence[TrackProgress]) -> tuple[Finding, ...]:
    """The age of due work of the newest round, by queue and track."""
    waiting = [each for each in tracks if each.waits is not None]
    if not waiting:
        return (well(CheckName.QUEUES, "nothing waits"),)
    return tuple(_queue(each, each.waits or timedelta(0)) for each in waiting)


def _queue(each: TrackProgress, age: timedelta) -> Finding:
    value = f"{each.queue}, {each.track or 'family not known yet'}: {each.queued} wait, the oldest for {lasting(age)}"
    fix = "Add workers, or see what those do: `voice operator workers`."
    if age >= WAITS_TOO_LONG and not each.running:
        return failing(CheckName.QUEUES, value, fix, follows=(CheckName.DISPATCHER,))
    return warning(CheckName.QUEUES, value, fix) if age >= WAITS_LONG else well(CheckName.QUEUES, value)


def parked(incidents: Mapping[str, int]) -> Finding:
    """What stands still until an operator acts."""
    words = {"budget": "parked for failures of ours", "operator": "parked by an operator", "drained": "hosts drained"}
    said = listed([f"{count} {words.get(kind, kind)}" for kind, count in incidents.items()])
    if "budget" in incidents:
        return failing(CheckName.PARKED, said, "`voice operator stuck` says why; requeue them once the cause is gone.")
    if said:
        return warning(CheckName.PARKED, said, "Bring them back with `voice operator release` or `undrain` when that is over.")
    return well(CheckName.PARKED, "nothing waits for an operator")


def registry(age: timedelta | None, lasts: timedelta) -> Finding:
    """How long ago the model queue sent the registry, which holds for `lasts`."""
    fix = "Start the model queue (`voice queue run`); its log says what keeps it from sending."
    if age is None:
        return failing(CheckName.REGISTRY, "the model queue never sent one", fix)
    value = f"{lasting(age)} old"
    if age > lasts:
        return failing(CheckName.REGISTRY, f"{value}: nobody is taken for registered any more", fix)
    return warning(CheckName.REGISTRY, value, fix) if age > lasts / 2 else well(CheckName.REGISTRY, value)


def followed(url: str) -> Finding:
    """Said of workers by a validator that has none: it folds what another's judged."""
    return unknown(CheckName.WORKERS, f"those of {url}, which this validator follows, are not seen from here")
