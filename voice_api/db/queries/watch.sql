-- name: ages
-- How long the oldest evaluation, and the oldest validation, of each queue has been due without being taken.
select queue, max(age) as age
from (
    select e.queue, now() - min(e.due_at) as age
    from evaluations e
    join rounds r using (round)
    join submissions s on s.id = e.submission_id
    where e.state = 'queued' and e.due_at <= now() and r.state = 'open' and not s.set_aside
    group by e.queue
    union all
    select queue, now() - min(due_at) from validations where state = 'queued' and due_at <= now() group by queue
) waiting
group by queue;

-- name: waiting
-- How long the oldest due row of each queue waits, apart by what it is and by track; '' where none is known, or none matters.
select e.queue, 'evaluations' as kind, coalesce(e.track, '') as track, now() - min(e.due_at) as age
from evaluations e
join rounds r using (round)
join submissions s on s.id = e.submission_id
where e.state = 'queued' and e.due_at <= now() and r.state = 'open' and not s.set_aside
group by e.queue, e.track
union all
select queue, 'validations', '', now() - min(due_at) from validations where state = 'queued' and due_at <= now() group by queue
union all
select queue, 'speeches', '', now() - min(due_at) from speeches where state = 'queued' and due_at <= now() group by queue
order by queue, kind, track;

-- name: database_bytes
-- The size of the database on its server's disk.
select pg_database_size(current_database());

-- name: running
-- How many evaluations of each queue run.
select queue, count(*)::integer as count from evaluations where state = 'running' group by queue;

-- name: validations
-- How many validations are in each state.
select state, count(*)::integer as count from validations group by state order by state;

-- name: failures
-- The most failures that an open evaluation of each queue has had.
select queue, max(failures) as failures from evaluations where state in ('queued', 'running') group by queue;

-- name: failures_today
-- The most that the daily budget of a submission has lost.
select coalesce(max(failures_today(submission_id)), 0)
from (
    select distinct submission_id
    from events
    where kind = 'evaluation' and code between 2000 and 2999 and at > now() - interval '24 hours'
) failed;

-- name: led
-- Whether a dispatcher holds the lock of the one that leads.
select exists (
    select
    from pg_locks
    where locktype = 'advisory' and granted and objsubid = 1
      and database = (select oid from pg_database where datname = current_database())
      and (classid::bigint << 32 | objid::bigint) = hashtextextended('voice:dispatcher', 0)
);

-- name: registry_age
-- How long ago the registry was received; no row before the first.
select now() - received_at from registry;

-- name: newest
-- The newest of everything that pages show; asked every second while somebody looks at one.
select (select max(id) from events) as events,
       (select state_hash from ledger where validator = $1 order by round desc limit 1) as ledger,
       (select max(round) || ' ' || count(*) filter (where state = 'open') from rounds) as rounds,
       (select id || ' ' || outcome from weight_attempts order by id desc limit 1) as weights,
       (select sum(done) from evaluations where state = 'running') as progress,
       (select block from registry) as registry;
