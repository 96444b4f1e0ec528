-- name: moment
-- The server's clock and release, who asks, and whether it only follows another server.
select clock_timestamp() as at, current_setting('server_version') as version, current_user::text as role, pg_is_in_recovery() as follows;

-- name: round
-- The newest round.
select round, start_block, deadline_block, state, opened_at, closed_at from rounds order by round desc limit 1;

-- name: tracks
-- The evaluations of the newest round, by track and queue, with how long the oldest due one waits.
-- What runs under a lease that ran out waits, too: its worker is gone, and a dispatcher has yet to bring it back.
select coalesce(track, '') as track, queue, count(*)::integer as total,
       count(*) filter (where state = 'queued' or state = 'running' and lease_until <= now())::integer as queued,
       count(*) filter (where state = 'running' and lease_until > now())::integer as running,
       count(*) filter (where state = 'scored')::integer as scored,
       count(*) filter (where state = 'rejected')::integer as rejected,
       count(*) filter (where state = 'parked')::integer as parked,
       now() - min(due_at) filter (where state = 'queued' and due_at <= now()) as waits
from evaluations
where round = (select max(round) from rounds)
group by 1, 2
order by 1, 2;

-- name: certificates
-- The certificate under the newest receipt of each host in the last rounds.
select distinct on (host) host, certificate
from evaluations
where certificate is not null and host is not null and round > (select max(round) from rounds) - $1::integer
order by host, finished_at desc;

-- name: head
-- The last entry of a validator's ledger, without its state.
select round, state_hash, kings, folded_at from ledger where validator = $1 order by round desc limit 1;

-- name: parted
-- The earliest of the last rounds for which another validator's ledger has another entry.
select o.validator, min(o.round) as round
from ledger mine
join ledger o on o.round = mine.round and o.validator <> mine.validator
where mine.validator = $1 and mine.state_hash <> o.state_hash
  and mine.round > (select max(round) from ledger where validator = $1) - $2::integer
group by o.validator
order by o.validator;

-- name: attempted
-- When a validator last tried to set weights.
select at from weight_attempts where validator = $1 order by id desc limit 1;

-- name: others
-- Who else is connected to this database, by name.
select distinct coalesce(nullif(application_name, ''), usename, '?') as name
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
order by name;
