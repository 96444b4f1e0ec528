-- name: note
-- Who did what to which, and why.
insert into operator_actions (actor, verb, target, reason) values ($1, $2, $3, $4);

-- name: evaluation
-- Why a verb may not apply to an evaluation.
select e.state, e.round, s.set_aside, r.state as round_state
from evaluations e
join submissions s on s.id = e.submission_id
join rounds r using (round)
where e.id = $1;

-- name: submission
-- Why a verb may not apply to a submission.
select state from submissions where id = $1;

-- name: keep_rounds_open
-- No round closes until the transaction ends: what is brought back meanwhile belongs to an open round, or is parked by its closing.
select pg_advisory_xact_lock_shared(hashtextextended('voice:rounds', 0));

-- name: requeue
-- Evaluations of open rounds are due at once, and whoever held one is shut out by clearing the token.
-- With a fresh budget ($4), and free to be sent to another queue once more, all that have no verdict, without one those that an operator parked.
-- One that waits until a hub's refusal may be confirmed waits on: two refusals at once would be one, and a miner's loss.
with picked as (
    select e.id, e.state
    from evaluations e
    join rounds r using (round)
    join submissions s on s.id = e.submission_id
    where e.id = any($1::bigint[]) and r.state = 'open' and not s.set_aside
      and case when $4::boolean then e.state in ('queued', 'running', 'parked') else e.state = 'parked' and e.parked_why = 'operator' end
    order by e.id
    for update of e
), requeued as (
    update evaluations e
    set state = 'queued', due_at = case when e.code in (1101, 1102) then greatest(e.due_at, now()) else now() end,
        failures = case when $4 then 0 else e.failures end, fresh_since = case when $4 then now() else e.fresh_since end,
        moved = e.moved and not $4,
        code = case when e.code in (1101, 1102) then e.code end, reason = null, finished_at = null, parked_why = null,
        token = null, worker = null, lease_until = null, stage = null, done = null, total = null
    from picked
    where e.id = picked.id
    returning e.id, e.submission_id, e.queue, picked.state as from_state
), noted as (
    insert into events (kind, actor, submission_id, evaluation_id, from_state, to_state, detail)
    select 'evaluation', $2, submission_id, id, from_state, 'queued', $3 from requeued where from_state <> 'queued'
)
select id, pg_notify('evaluations_due', queue) from requeued;

-- name: by_host
-- What runs on a host, or got stuck there, by when it was last claimed.
select e.id
from evaluations e
join rounds r using (round)
where e.host = $1 and e.claimed_at >= $2 and e.claimed_at < $3 and r.state = 'open'
  and (e.state = 'running' or e.state = 'parked' and e.parked_why = 'budget');

-- name: by_code
-- What got stuck, or waits out a pause, because of a code, by when it was last claimed.
select e.id
from evaluations e
join rounds r using (round)
where e.code = $1 and e.claimed_at >= $2 and e.claimed_at < $3 and r.state = 'open'
  and (e.state = 'queued' or e.state = 'parked' and e.parked_why = 'budget');

-- name: park
-- Set an evaluation aside; clearing the token shuts out who held it.
with picked as (
    select id, state from evaluations where id = $1 and state in ('queued', 'running') for update
), parked as (
    update evaluations e
    set state = 'parked', parked_why = 'operator', finished_at = now(), reason = $3,
        token = null, worker = null, lease_until = null, stage = null, done = null, total = null
    from picked
    where e.id = picked.id
    returning e.id, e.submission_id, picked.state as from_state
), noted as (
    insert into events (kind, actor, submission_id, evaluation_id, from_state, to_state, detail)
    select 'evaluation', $2, submission_id, id, from_state, 'parked', $3 from parked
)
select id from parked;

-- name: parked_since_quarantine
-- What was parked of a submission since it was last set aside; what an operator parked before stays so.
select id
from evaluations
where submission_id = $1 and state = 'parked' and parked_why = 'operator' and finished_at >= (
    select max(at) from events
    where submission_id = $1 and kind = 'submission' and to_state = 'quarantined' and from_state <> 'quarantined'
);

-- name: quarantine
-- Set a submission aside.
with old as (
    select id, state from submissions where id = $1 and state in ('queued', 'scored') for no key update
), changed as (
    update submissions s set state = 'quarantined', updated_at = now() from old where s.id = old.id returning s.id, old.state as from_state
), noted as (
    insert into events (kind, actor, submission_id, from_state, to_state, detail)
    select 'submission', $2, id, from_state, 'quarantined', $3 from changed
)
select id from changed;

-- name: unquarantine
-- Bring a submission back: scored if it ever was.
with changed as (
    update submissions s
    set state = case
            when exists (select from evaluations e where e.submission_id = s.id and e.state = 'scored') then 'scored'
            else 'queued'
        end,
        reason = null,
        updated_at = now()
    where s.id = $1 and s.state = 'quarantined'
    returning s.id, s.state
), noted as (
    insert into events (kind, actor, submission_id, from_state, to_state, detail)
    select 'submission', $2, id, 'quarantined', state, $3 from changed
)
select id from changed;

-- name: before
-- Whether it is earlier than a moment.
select now() < $1::timestamptz;

-- name: ban
-- Note a ban; no row when there is one.
insert into bans (hotkey, actor, reason) values ($1, $2, $3) on conflict (hotkey) do nothing returning hotkey;

-- name: reject_of
-- Reject what a hotkey has that is not decided for good.
with old as (
    select id, state from submissions where hotkey = $1 and state in ('queued', 'scored', 'quarantined') order by id for no key update
), changed as (
    update submissions s
    set state = 'rejected', code = $3, reason = $4, updated_at = now()
    from old
    where s.id = old.id
    returning s.id, old.state as from_state
), noted as (
    insert into events (kind, actor, submission_id, from_state, to_state, code, detail)
    select 'submission', $2, id, from_state, 'rejected', $3, $4 from changed
)
select id from changed order by id;

-- name: unban
-- Forget a ban; no row when there is none.
delete from bans where hotkey = $1 returning hotkey;

-- name: drain
-- Note that a host gets nothing new; no row when it is so.
insert into drained_hosts (host, actor, reason) values ($1, $2, $3) on conflict (host) do nothing returning host;

-- name: undrain
-- A host may work again; no row when it is not drained.
delete from drained_hosts where host = $1 returning host;

-- name: stuck
-- Evaluations of open rounds that wait for an operator, after an id.
select e.id as evaluation_id, e.submission_id, s.hotkey, e.round, e.queue, e.parked_why, e.code, e.reason, e.attempt, e.failures, e.host,
       e.finished_at
from evaluations e
join rounds r using (round)
join submissions s on s.id = e.submission_id
where e.state = 'parked' and e.parked_why in ('budget', 'operator') and r.state = 'open' and e.id > $1
order by e.id
limit $2;
