-- name: rounds
-- Rounds below a number, newest first, with when a validator folded them.
select r.*, l.folded_at
from (select * from rounds_with_pending where round < $1 order by round desc limit $2) r
left join ledger l on l.validator = $3 and l.round = r.round
order by r.round desc;

-- name: entries
-- A round's evaluations with their submissions, best first.
select e.id as evaluation_id, e.submission_id, s.hotkey, s.repo, s.revision, s.commitment, e.track, e.state, e.stage, e.done, e.total,
       e.code, e.reason, e.score, e.stderr, e.parked_why, e.round
from evaluations e
join submissions s on s.id = e.submission_id
where e.round = $1
order by e.track nulls last, e.score desc nulls last, e.id
limit $2;

-- name: of_hotkey
-- A hotkey's evaluations, newest round first.
select e.id as evaluation_id, e.submission_id, s.hotkey, s.repo, s.revision, s.commitment, e.track, e.state, e.stage, e.done, e.total,
       e.code, e.reason, e.score, e.stderr, e.parked_why, e.round
from evaluations e
join submissions s on s.id = e.submission_id
where s.hotkey = $1
order by e.round desc, e.id desc
limit $2;

-- name: commitments
-- A hotkey's submissions, newest first.
select * from submissions_with_score where hotkey = $1 order by id desc limit $2;

-- name: validators
-- Each validator whose ledger or weights are here: its last fold, and its last attempt to set weights.
select k.validator, l.round, l.folded_at, l.inputs, w.block, w.outcome, w.at as attempted_at, w.snapshot_hash
from (select distinct validator from ledger union select distinct validator from weight_attempts) k
left join lateral (
    select round, folded_at, inputs from ledger where validator = k.validator order by round desc limit 1
) l on true
left join lateral (
    select block, outcome, at, snapshot_hash from weight_attempts where validator = k.validator order by id desc limit 1
) w on true
order by k.validator;

-- name: workers
-- How many workers were seen lately, by queue, on how many hosts; those that take nothing new are counted apart.
select w.queue,
       count(*) filter (where not (w.draining or d.host is not null))::integer as workers,
       count(*) filter (where w.draining or d.host is not null)::integer as draining,
       count(distinct w.host)::integer as hosts
from workers w
left join drained_hosts d using (host)
where w.seen_at > now() - $1::interval
group by w.queue;

-- name: incidents
-- What stands still until an operator acts: evaluations of open rounds by why they are parked, and hosts that get nothing new.
select parked_why as kind, count(*)::integer as count
from evaluations e
join rounds r using (round)
where e.state = 'parked' and e.parked_why in ('budget', 'operator') and r.state = 'open'
group by parked_why
union all
select 'drained', count(*)::integer from drained_hosts having count(*) > 0
order by kind;

-- name: clips
-- What some evaluations spoke, prompt by prompt.
select evaluation_id, prompt_id, pcm_sha256, score, gate, reason from samples where evaluation_id = any($1::bigint[]);
