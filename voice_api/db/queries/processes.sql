-- name: heartbeat
-- A worker lives; those that were not seen for a day are forgotten on the way.
with old as (
    select name from workers where seen_at < now() - interval '1 day' and name <> $1 for update skip locked
), forgotten as (
    delete from workers w using old where w.name = old.name
)
insert into workers (name, host, queue, evaluation_id, draining, duty)
values ($1, $2, $3, $4, $5, $6)
on conflict (name) do update
set host = excluded.host, queue = excluded.queue, evaluation_id = excluded.evaluation_id, draining = excluded.draining, duty = excluded.duty,
    seen_at = now();

-- name: leave
-- A worker ended.
delete from workers where name = $1;

-- name: live
-- Workers that were seen lately; one on a drained host drains.
select w.name, w.host, w.queue, w.duty, w.started_at, w.seen_at, w.draining or d.host is not null as draining, w.evaluation_id
from workers w
left join drained_hosts d using (host)
where w.seen_at > now() - $1::interval
order by w.name;

-- name: gone
-- How many workers of each queue and duty fell silent without taking leave, less those alike that began on their host since; none of drained hosts.
with silent as (
    select w.host, w.queue, w.duty, count(*) as count, min(w.seen_at) as since
    from workers w
    left join drained_hosts d using (host)
    where w.seen_at <= now() - $1::interval and not w.draining and d.host is null
    group by w.host, w.queue, w.duty
)
select s.queue, s.duty, sum(greatest(0, s.count - (
    select count(*) from workers n
    where n.host = s.host and n.queue = s.queue and n.duty = s.duty and n.seen_at > now() - $1::interval and n.started_at > s.since
)))::integer as count
from silent s
group by s.queue, s.duty;

-- name: host_drained
-- Whether an operator drains a host.
select exists (select from drained_hosts where host = $1);

-- name: lead
-- Try to become the one dispatcher; the lock ends with the connection.
select pg_try_advisory_lock(hashtextextended('voice:dispatcher', 0));

-- name: still_leads
-- The connection that holds the lock still stands.
select true;

-- name: serving
-- The process of PostgreSQL's that serves this connection: another one than was connected to, where a pooler is between.
select pg_backend_pid();
