-- name: kings
-- The submissions that hold the tops of the tracks in one validator's ledger, by track.
select throne.track, s.id as submission_id
from (select kings from ledger where validator = $1 order by round desc limit 1) newest
cross join lateral jsonb_each_text(newest.kings) as throne (track, king)
join submissions s on s.hotkey = split_part(king, '@', 1) and s.commit_block = split_part(king, '@', 2)::bigint
order by throne.track;

-- name: of_hotkey
-- A hotkey's newest submission that was scored, of one track or ($2 null) of any; an older one while the newest waits for its first score.
select s.id as submission_id from submissions s
where s.hotkey = $1 and s.state in ('scored', 'superseded') and exists (
    select from evaluations e where e.submission_id = s.id and e.state = 'scored' and ($2::text is null or e.track = $2)
)
order by s.commit_block desc
limit 1;

-- name: voice
-- A submission that may be heard, as it was last scored: what it is, and where and by which rules it speaks.
-- One that was set aside or rejected is silent; a king may have committed again.
select s.id as submission_id, s.hotkey, s.repo, s.revision, s.content_hash, s.family, e.track, e.round, e.queue
from submissions s
join evaluations e on e.submission_id = s.id and e.state = 'scored'
where s.id = $1 and s.state in ('scored', 'superseded') and s.repo is not null and s.revision is not null
    and s.content_hash is not null and s.family is not null and e.track is not null
order by e.round desc
limit 1;

-- name: one_at_a_time
-- Requests are counted and added one after another, until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('voice:speeches', 0));

-- name: load
-- The requests that wait or run, those of the last hour, and the time until one of these is an hour old.
select count(*) filter (where state in ('queued', 'running'))::integer as open,
       count(*) filter (where created_at > now() - interval '1 hour')::integer as lately,
       coalesce(
           min(created_at) filter (where created_at > now() - interval '1 hour') + interval '1 hour' - now(), interval '0'
       ) as frees_in
from speeches;

-- name: add
-- Keep a request, and tell the dispatcher.
insert into speeches (
    text, description, submission_id, crowned, round, track, family, hotkey, repo, revision, content_hash, queue, deadline_at,
    expires_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, now() + $13::interval, now() + $13::interval + $14::interval)
returning id, pg_notify('evaluations_due', queue);

-- name: get
-- One request without its audio, and the number of requests before it; nothing of it where it is too old.
select s.id, s.text, s.description, s.submission_id, s.crowned, s.track, s.family, s.hotkey, s.repo, s.revision, s.queue, s.state,
       s.attempt, s.rate, s.seconds, s.speak_seconds, s.code, s.reason, s.created_at, s.deadline_at, s.expires_at, s.claimed_at,
       s.finished_at,
       case when s.state = 'queued' then (
           select count(*)::integer from speeches o
           where o.queue = s.queue and o.state in ('queued', 'running') and (o.created_at, o.id) < (s.created_at, s.id)
       ) end as ahead
from speeches s
where s.id = $1 and s.expires_at > now();

-- name: audio
-- The audio of a request.
select audio from speeches where id = $1 and expires_at > now();

-- name: claim
-- Take the oldest due request, none for a drained host; rows that others are taking are skipped, so each is taken once.
with due as (
    select id from speeches
    where queue = $1 and state = 'queued' and due_at <= now() and deadline_at > now()
        and not exists (select from drained_hosts d where d.host = $4)
    order by due_at, created_at
    for update skip locked
    limit 1
)
update speeches s
set state = 'running', attempt = attempt + 1, token = gen_random_uuid(), worker = $2, lease_until = now() + $3,
    claimed_at = coalesce(claimed_at, now())
from due
where s.id = due.id
returning s.id, s.token, s.worker, s.text, s.description, s.round, s.track, s.family, s.repo, s.revision, s.content_hash, s.attempt,
    (select r.competition_hash from rounds r where r.round = s.round) as competition_hash;

-- name: renew
-- Progress extends the lease, if the claim still holds.
update speeches set lease_until = now() + $3 where id = $1 and token = $2 and state = 'running' returning id;

-- name: finish
-- What the model said.
update speeches
set state = 'done', audio = $3, rate = $4, seconds = $5, speak_seconds = $6, token = null, lease_until = null, finished_at = now()
where id = $1 and token = $2 and state = 'running'
returning id;

-- name: fail
-- It ends without a sound.
update speeches
set state = 'failed', code = $3, reason = $4, token = null, lease_until = null, finished_at = now()
where id = $1 and token = $2 and state = 'running'
returning id;

-- name: hand_back
-- Due again after a pause ($3), or failed where its time would be over by then. A worker that was asked to stop ($6) made no attempt.
update speeches
set state = case when now() + $3 >= deadline_at then 'failed' else 'queued' end,
    code = case when now() + $3 >= deadline_at then $4::integer end,
    reason = case when now() + $3 >= deadline_at then $5 end,
    finished_at = case when now() + $3 >= deadline_at then now() end,
    attempt = greatest(attempt - $6::boolean::integer, 0), due_at = now() + $3, token = null, worker = null, lease_until = null
where id = $1 and token = $2 and state = 'running'
returning state, pg_notify('evaluations_due', queue);

-- name: expire
-- Whoever stopped reporting progress loses the request: it is due again, or failed when it was tried too often ($1: code $2, reason $3).
-- A request whose time is over fails ($4, $5), waiting or running.
with ended as (
    select id, deadline_at <= now() as late from speeches
    where state in ('queued', 'running') and (deadline_at <= now() or lease_until < now())
    order by id
    for update skip locked
)
update speeches s
set state = case when late or attempt > $1 then 'failed' else 'queued' end,
    code = case when late then $4::integer when attempt > $1 then $2::integer end,
    reason = case when late then $5 when attempt > $1 then $3 end,
    finished_at = case when late or attempt > $1 then now() end,
    due_at = now(), token = null, worker = null, lease_until = null
from ended
where s.id = ended.id
returning s.id, pg_notify('evaluations_due', s.queue);

-- name: counts
-- How many requests are in each state, of those that are kept.
select state, count(*)::integer as count from speeches group by state;

-- name: forget
-- Delete what was kept long enough: text, description and sound.
delete from speeches where expires_at <= now() and state in ('done', 'failed');

-- name: due_counts
-- How many requests the workers of each queue could start now, as `claim` takes them.
select queue, count(*)::integer as count
from speeches
where state = 'queued' and due_at <= now() and deadline_at > now()
group by queue;
