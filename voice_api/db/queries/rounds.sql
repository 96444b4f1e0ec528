-- name: open
-- Open a round once, in order; no row when it, or a later one, was opened before.
insert into rounds (round, start_block, block_hash, deadline_block, competition_hash)
select $1, $2, $3, $4, $5
where not exists (select from rounds where round >= $1)
returning round;

-- name: add_entries
-- Ask for evaluations, one array per column.
insert into evaluations (submission_id, round, track, queue, priority)
select submission_id, $1, track, queue, priority
from unnest($2::bigint[], $3::text[], $4::text[], $5::integer[]) as entry (submission_id, track, queue, priority);

-- name: note_entries
-- An event for each evaluation that a round asks for.
insert into events (kind, actor, submission_id, evaluation_id, to_state, detail)
select 'evaluation', 'validator', submission_id, id, 'queued', 'round ' || round from evaluations where round = $1;

-- name: notify
-- Tell the dispatcher, at commit, that a queue has new work.
select pg_notify('evaluations_due', queue) from unnest($1::text[]) as queue;

-- name: latest
-- The newest round.
select * from rounds_with_pending order by round desc limit 1;

-- name: get
-- One round.
select * from rounds_with_pending where round = $1;

-- name: page
-- Rounds after a number, oldest first.
select * from rounds_with_pending where round > $1 order by round limit $2;

-- name: pending
-- How many of a round's evaluations have no end yet, of some tracks and of those whose track nobody knows.
select count(*)::integer from evaluations where round = $1 and state in ('queued', 'running') and (track is null or track = any($2::text[]));

-- name: lock_closing
-- A round closes alone: operators who bring evaluations back to open rounds come before it or after it.
select pg_advisory_xact_lock(hashtextextended('voice:rounds', 0));

-- name: close
-- From now on no verdict of this round is written.
update rounds set state = 'closed', closed_at = now() where round = $1 and state = 'open' returning round;

-- name: park_rest
-- Whatever a closing round did not get judged stays without a verdict; clearing the token shuts its worker out.
with rest as (
    select id, state from evaluations where round = $1 and state in ('queued', 'running') order by id for update
), parked as (
    update evaluations e
    set state = 'parked', parked_why = 'round_closed', finished_at = now(), reason = 'The round closed before it was judged.',
        token = null, lease_until = null
    from rest
    where e.id = rest.id
    returning e.id, e.submission_id, rest.state as from_state, e.reason
)
insert into events (kind, actor, submission_id, evaluation_id, from_state, to_state, detail)
select 'evaluation', 'validator', submission_id, id, from_state, 'parked', reason from parked;

-- name: results
-- Every evaluation of a round, in the order in which it was asked for.
select e.id as evaluation_id, e.submission_id, s.hotkey, s.commit_block, s.tiebreak, s.public_key, s.tag, s.repo, s.revision, e.track, e.state,
       s.state as submission_state, e.code, e.score, e.stderr, e.receipt, e.receipt_hash, e.signature, e.certificate, e.finished_at
from evaluations e
join submissions s on s.id = e.submission_id
where e.round = $1
order by e.id;

-- name: group_scores
-- The group scores of a round's evaluations, in the round's own order.
select g.evaluation_id, g.group_id as id, g.kind, g.score
from evaluation_groups g
join evaluations e on e.id = g.evaluation_id
where e.round = $1
order by g.evaluation_id, g.position;

-- name: samples
-- The samples of a round's evaluations, in the round's own order, under a receipt's names.
select s.evaluation_id, s.prompt_id as prompt, s.group_id as "group", s.score, s.gate, s.metrics, s.utilities, s.pcm_sha256, s.rate,
    s.seconds, s.reason, s.heard
from samples s
join evaluations e on e.id = s.evaluation_id
where e.round = $1
order by s.evaluation_id, s.position;

-- name: keep_eligibility
-- Who stands as a round closes.
insert into rolls (round, block, standing, gone) values ($1, $2, $3, $4);

-- name: eligibility
-- Who stood when a round closed.
select block, standing, gone from rolls where round = $1;
