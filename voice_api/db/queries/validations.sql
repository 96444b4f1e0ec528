-- name: one_at_a_time
-- Requests of one hotkey are counted and added one after another, until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('validations of ' || $1, 0));

-- name: add
-- Keep a request, and tell the dispatcher, unless as many of the hotkey's as it may have wait or run.
insert into validations (hotkey, text, description, sha256, upload)
select $1, $2, $3, $4, $5
where (select count(*) from validations where hotkey = $1 and state in ('queued', 'running')) < $6
returning id, pg_notify('evaluations_due', queue);

-- name: get
-- One request, without its upload.
select id, hotkey, text, description, sha256, queue, state, attempt, score, gate, metrics, utilities, reasons, code, reason, created_at,
       finished_at
from validations
where id = $1;

-- name: claim
-- Take the oldest due request, none for a drained host; rows that others are taking are skipped, so each is taken once.
-- What needs no GPU any worker takes: there may be no others.
with due as (
    select id from validations
    where queue in ('cpu', $1) and state = 'queued' and due_at <= now() and not exists (select from drained_hosts d where d.host = $4)
    order by due_at, created_at
    for update skip locked
    limit 1
)
update validations v
set state = 'running', attempt = attempt + 1, token = gen_random_uuid(), worker = $2, lease_until = now() + $3
from due
where v.id = due.id
returning v.id, v.token, v.worker, v.hotkey, v.text, v.description, v.sha256, v.upload, v.attempt;

-- name: renew
-- Progress extends the lease, if the claim still holds.
update validations set lease_until = now() + $3 where id = $1 and token = $2 and state = 'running' returning id;

-- name: finish
-- What the judges found; the upload is not needed any more.
update validations
set state = 'done', score = $3, gate = $4, metrics = $5, utilities = $6, reasons = $7, upload = null, token = null, lease_until = null,
    finished_at = now()
where id = $1 and token = $2 and state = 'running'
returning id;

-- name: fail
-- It ends without a result; the upload is not needed any more.
update validations
set state = 'failed', code = $3, reason = $4, upload = null, token = null, lease_until = null, finished_at = now()
where id = $1 and token = $2 and state = 'running'
returning id;

-- name: hand_back
-- Due again after a pause. A worker that was asked to stop ($4) made no attempt.
update validations
set state = 'queued', attempt = greatest(attempt - $4::boolean::integer, 0), due_at = now() + $3, token = null, worker = null,
    lease_until = null
where id = $1 and token = $2 and state = 'running'
returning id, pg_notify('evaluations_due', queue);

-- name: expire
-- Whoever stopped reporting progress loses the request: it is due again, or failed when it was tried too often.
with expired as (
    select id from validations where state = 'running' and lease_until < now() order by id for update skip locked
)
update validations v
set state = case when attempt > $1 then 'failed' else 'queued' end,
    code = case when attempt > $1 then $2::integer end,
    reason = case when attempt > $1 then $3 end,
    upload = case when attempt > $1 then null else upload end,
    finished_at = case when attempt > $1 then now() end,
    due_at = now(), token = null, worker = null, lease_until = null
from expired
where v.id = expired.id
returning v.id, pg_notify('evaluations_due', v.queue);

-- name: due_counts
-- How many requests the workers of each queue could start now, as `claim` takes them.
select workers.queue, count(*)::integer as count
from validations v
join (values ('cpu'), ('gpu')) as workers (queue) on v.queue in ('cpu', workers.queue)
where v.state = 'queued' and v.due_at <= now()
group by workers.queue;
