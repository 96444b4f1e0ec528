-- name: claim
-- Take the best due evaluation of an open round, nothing for a drained host; rows that others take are skipped: each is taken once.
-- First by priority, then whose registration may end soonest among those without a score, then by fewer failures, then the oldest.
with due as (
    select e.id
    from evaluations e
    join rounds r using (round)
    join submissions s on s.id = e.submission_id
    left join neurons n using (hotkey)
    left join registry g on true
    where e.queue = $1 and e.state = 'queued' and e.due_at <= now() and r.state = 'open'
      and not s.set_aside and not exists (select from drained_hosts d where d.host = $4)
    order by e.priority,
             case when s.state = 'queued' and n.hotkey is not null then greatest(n.immune_until_block, g.block) end nulls last,
             e.failures, e.id
    for update of e skip locked
    limit 1
), claimed as (
    update evaluations e
    set state = 'running', attempt = attempt + 1, token = gen_random_uuid(), worker = $2, host = $4, claimed_at = now(),
        lease_until = now() + $3, stage = null, done = null, total = null, code = null, reason = null
    from due
    where e.id = due.id
    returning e.*
), noted as (
    insert into events (kind, actor, host, submission_id, evaluation_id, from_state, to_state, detail)
    select 'evaluation', $2, $4, submission_id, id, 'queued', 'running', 'attempt ' || attempt from claimed
)
select c.id as evaluation_id, c.token, c.worker, c.queue, c.moved, c.attempt, c.failures, s.id as submission_id, s.hotkey, s.public_key,
       s.commit_block, s.tiebreak, s.repo, s.revision, s.tag, r.round, r.start_block, r.block_hash, r.competition_hash
from claimed c
join submissions s on s.id = c.submission_id
join rounds r on r.round = c.round;

-- name: renew
-- Progress of any stage extends the lease, if the claim still holds.
update evaluations
set lease_until = now() + $3, stage = $4, done = $5, total = $6
where id = $1 and token = $2 and state = 'running'
returning id;

-- name: finish
-- The one verdict: clearing the token shuts out every other write of this claim.
with finished as (
    update evaluations
    set state = $3, code = $4, reason = $5, score = $6, stderr = $7, profile = $8, profile_hash = $9, receipt = $10, receipt_hash = $11,
        signature = $12, certificate = $13, track = coalesce($14, track), token = null, lease_until = null, finished_at = now()
    where id = $1 and token = $2 and state = 'running'
    returning *
), noted as (
    insert into events (kind, actor, host, submission_id, evaluation_id, from_state, to_state, code, detail)
    select 'evaluation', worker, host, submission_id, id, 'running', state, code, reason from finished
)
select submission_id from finished;

-- name: add_samples
-- A verdict's samples, one array per column.
insert into samples (
    evaluation_id, position, prompt_id, group_id, score, gate, metrics, utilities, pcm_sha256, rate, seconds, reason, heard
)
select $1, * from unnest(
    $2::integer[], $3::text[], $4::text[], $5::integer[], $6::text[], $7::jsonb[], $8::jsonb[], $9::text[], $10::integer[],
    $11::double precision[], $12::text[], $13::text[]
);

-- name: add_groups
-- A verdict's group scores, one array per column.
insert into evaluation_groups (evaluation_id, position, group_id, kind, score)
select $1, * from unnest($2::integer[], $3::text[], $4::text[], $5::integer[]);

-- name: settle_submission
-- The verdict decides where the submission stands, unless that was decided for good before; its hashes are kept either way.
with old as (
    select id, state from submissions where id = $1 for no key update
), changed as (
    update submissions s
    set family = coalesce($10, family),
        content_hash = coalesce($5, content_hash),
        tensors_hash = coalesce($6, tensors_hash),
        state = case when old.state in ('queued', 'scored') then $2 else s.state end,
        code = case when old.state in ('queued', 'scored') then $3 else s.code end,
        reason = case when old.state in ('queued', 'scored') then $4 else s.reason end,
        copy_of = case when old.state in ('queued', 'scored') then $7 else s.copy_of end,
        updated_at = now()
    from old
    where s.id = old.id
    returning s.id, old.state as from_state, s.state as to_state, s.code, s.reason
)
insert into events (kind, actor, submission_id, evaluation_id, from_state, to_state, code, detail)
select 'submission', $8, id, $9, from_state, to_state, code, reason from changed;

-- name: hand_back
-- Without a verdict: due again after a pause, or parked, as `parked` says.
-- That is when there is no pause, when the submission's budget of the day ($9 failures) is used up, or when it was set aside meanwhile.
-- What a worker returns because it was asked to stop ($6) is no failure, nor is a submission's code; unknown is ours.
with held as (
    select e.id, s.set_aside, failed, s.set_aside or $5::interval is null or failed and 1 + failures_today(s.id) >= $9 as parked
    from evaluations e
    join submissions s on s.id = e.submission_id
    cross join (values (not $6 and coalesce($3::integer not between 1000 and 1999, true))) as given (failed)
    where e.id = $1 and e.token = $2 and e.state = 'running'
    for update of e
), returned as (
    update evaluations e
    set state = case when parked then 'parked' else 'queued' end,
        failures = failures + failed::integer,
        due_at = now() + coalesce($5, interval '0'),
        finished_at = case when parked then now() end,
        parked_why = case
            when set_aside then 'operator' when not parked then null when $3 between 1000 and 1999 then 'not_public' else 'budget'
        end,
        code = $3, reason = $4, token = null, worker = null, lease_until = null, stage = null, done = null, total = null
    from held
    where e.id = held.id
    returning e.*
), noted as (
    insert into events (kind, actor, host, submission_id, evaluation_id, from_state, to_state, code, detail, cause)
    select 'evaluation', $7, host, submission_id, id, 'running', state, case when not $6 then code end, reason, $8 from returned
)
select state, pg_notify('evaluations_due', queue) from returned;

-- name: move
-- Another queue's workers judge its track: it waits for them, where it stands in the order, and no failure is counted.
-- Once only. Its family is kept, so that the next round asks the right queue; what was set aside meanwhile is parked.
with held as (
    select e.id, s.set_aside
    from evaluations e
    join submissions s on s.id = e.submission_id
    where e.id = $1 and e.token = $2 and e.state = 'running' and not e.moved
    for update of e
), moved as (
    update evaluations e
    set state = case when set_aside then 'parked' else 'queued' end,
        finished_at = case when set_aside then now() end,
        parked_why = case when set_aside then 'operator' end,
        queue = $3, track = $4, moved = true,
        token = null, worker = null, lease_until = null, stage = null, done = null, total = null
    from held
    where e.id = held.id
    returning e.*
), told as (
    update submissions s set family = $5, updated_at = now() from moved where s.id = moved.submission_id
), noted as (
    insert into events (kind, actor, host, submission_id, evaluation_id, from_state, to_state, detail)
    select 'evaluation', $6, host, submission_id, id, 'running', state, 'the track ' || track || ' is judged by ' || queue || ' workers'
    from moved
)
select state, pg_notify('evaluations_due', queue) from moved;

-- name: expire_leases
-- Whoever stopped reporting progress loses the evaluation: it is due again, or parked, as `parked` says.
-- That is past its own budget ($1) or the submission's of a day ($4), or when the submission was set aside meanwhile.
with expired as (
    select e.id, s.set_aside, s.set_aside or e.failures + 1 > $1 or 1 + failures_today(s.id) >= $4 as parked
    from evaluations e
    join submissions s on s.id = e.submission_id
    where e.state = 'running' and e.lease_until < now()
    order by e.id
    for update of e skip locked
), returned as (
    update evaluations e
    set state = case when parked then 'parked' else 'queued' end,
        finished_at = case when parked then now() end,
        parked_why = case when set_aside then 'operator' when parked then 'budget' end,
        failures = failures + 1, due_at = now(), code = $2, reason = $3,
        token = null, worker = null, lease_until = null, stage = null, done = null, total = null
    from expired
    where e.id = expired.id
    returning e.*
), noted as (
    insert into events (kind, actor, host, submission_id, evaluation_id, from_state, to_state, code, detail)
    select 'evaluation', 'dispatcher', host, submission_id, id, 'running', state, code, reason from returned
)
select id, pg_notify('evaluations_due', queue) from returned;

-- name: park_set_aside
-- What waits of submissions that were set aside, of all or of some ($1), is parked; what somebody is taking at this moment runs, and may end.
with waiting as (
    select e.id
    from evaluations e
    join submissions s on s.id = e.submission_id
    where s.set_aside and ($1::bigint[] is null or s.id = any($1)) and e.state = 'queued'
    order by e.id
    for update of e skip locked for share of s skip locked
), parked as (
    update evaluations e
    set state = 'parked', parked_why = 'operator', finished_at = now(), reason = $3
    from waiting
    where e.id = waiting.id
    returning e.id, e.submission_id
)
insert into events (kind, actor, submission_id, evaluation_id, from_state, to_state, detail)
select 'evaluation', $2, submission_id, id, 'queued', 'parked', $3 from parked;

-- name: due_counts
-- How many evaluations each queue could start now.
select e.queue, count(*)::integer as count
from evaluations e
join rounds r using (round)
where e.state = 'queued' and e.due_at <= now() and r.state = 'open'
  and not exists (select from submissions s where s.id = e.submission_id and s.set_aside)
group by e.queue;

-- name: depths
-- How many evaluations are in each state, for the metrics; of the parked ones those that can still be brought back: of open rounds.
select queue, state, count(*)::integer as count
from evaluations e
where state <> 'parked' or exists (select from rounds r where r.round = e.round and r.state = 'open')
group by queue, state
order by queue, state;

-- name: pending
-- What runs and what waits, after a position, in the order in which it is served.
-- That is as `claim` takes it, and those that wait out a pause by its end. `ahead` counts who waits before it in its own queue.
with pending as (
    select e.id as evaluation_id, e.submission_id, s.hotkey, s.repo, s.revision, e.round, e.track, e.queue, e.state, e.attempt, e.failures,
           e.stage, e.done, e.total, e.due_at, e.claimed_at,
           row_number() over (
               order by e.state = 'running' desc, greatest(e.due_at, now()), e.priority,
                        case when s.state = 'queued' and n.hotkey is not null then greatest(n.immune_until_block, g.block) end nulls last,
                        e.failures, e.id
           )::integer as position
    from evaluations e
    join submissions s on s.id = e.submission_id
    left join neurons n using (hotkey)
    left join registry g on true
    where e.state in ('queued', 'running') and (e.state = 'running' or not s.set_aside)
), counted as (
    select *, (
        count(*) filter (where state = 'queued') over (partition by queue order by position) - (state = 'queued')::integer
    )::integer as ahead
    from pending
)
select * from counted where position > $1 order by position limit $2;

-- name: durations
-- How long the last scored evaluations of a queue took, newest first.
select finished_at - claimed_at as duration
from evaluations
where queue = $1 and state = 'scored' and claimed_at is not null
order by finished_at desc
limit $2;

-- name: get
-- One evaluation.
select * from evaluations where id = $1;

-- name: page
-- Evaluations after an id, oldest first.
select * from evaluations where id > $1 order by id limit $2;

-- name: page_of_round
-- A round's evaluations after an id, oldest first.
select * from evaluations where round = $3 and id > $1 order by id limit $2;

-- name: page_of_submission
-- A submission's evaluations after an id, oldest first, of one round if asked.
select * from evaluations where submission_id = $3 and id > $1 and ($4::integer is null or round = $4) order by id limit $2;

-- name: causes
-- Where and how a submission's evaluations failed unforeseen; what also met another submission is no submission's fault.
select v.host, v.code, v.cause
from events v
where v.submission_id = $1 and v.kind = 'evaluation' and v.cause is not null
  and not exists (
      select from events o where o.cause = v.cause and o.submission_id <> v.submission_id and o.code between 2000 and 2999
  )
group by v.host, v.code, v.cause;

-- name: samples
-- An evaluation's samples after a position, in the round's own order, with what its receipt says was noticed about each.
-- A flag of another form, as of a worker that lies, is none.
with told as materialized (
    select case
        when strpos(e.receipt::text, '\u0000') > 0 then '[]' -- no text of PostgreSQL's holds it, wherever it stands
        when json_typeof(e.receipt -> 'flags') = 'array' then e.receipt -> 'flags'
        else '[]'
    end as flags
    from evaluations e
    where e.id = $1
), noticed as materialized (
    select
        flag ->> 0 as prompt_id,
        jsonb_agg(jsonb_build_object('kind', flag ->> 1, 'value', flag -> 2, 'other', flag ->> 3)) as flags
    from told, json_array_elements(told.flags) as flag
    where json_typeof(flag) = 'array' and json_typeof(flag -> 2) = 'number'
        and flag ->> 2 ~ '^[0-9]{1,3}([.][0-9]{1,30})?(e-[0-9]{2})?$' -- no number that breaks a page's line, or that no float holds
        and (flag ->> 3 = '' or exists (select from samples o where o.evaluation_id = $1 and o.prompt_id = flag ->> 3))
    group by flag ->> 0
)
select
    s.position, s.prompt_id, s.group_id, s.score, s.gate, s.metrics, s.utilities, s.pcm_sha256, s.rate, s.seconds, s.reason, s.heard,
    coalesce(n.flags, '[]') as flags
from samples s
left join noticed n using (prompt_id)
where s.evaluation_id = $1 and s.position > $2
order by s.position
limit $3;

-- name: receipt
-- A receipt by its hash, its text as it was stored.
select id as evaluation_id, receipt_hash, receipt::text as receipt, signature, certificate
from evaluations
where receipt_hash = $1
order by id
limit 1;
