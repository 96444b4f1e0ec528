-- name: lock_hotkey
-- One writer per hotkey until the transaction ends, so that which commitment is the newest cannot change meanwhile.
select pg_advisory_xact_lock(hashtextextended($1, 0));

-- name: add
-- Record a commitment once; no row when it is known.
-- One of a banned hotkey is refused; an accepted one older than the hotkey's newest is superseded from the start.
with given as (
    select case when ban.hotkey is null then $9::integer else $11::integer end as code,
           case when ban.hotkey is null then $10::text else ban.reason end as reason
    from (values ($1::text)) as new (hotkey)
    left join bans ban using (hotkey)
)
insert into submissions (hotkey, public_key, commit_block, tiebreak, commitment, repo, revision, tag, refused, state, code, reason)
select $1, $2, $3, $4, $5, $6, $7, $8, code is not null,
       case
           when code is not null then 'rejected'
           when exists (
               select from submissions newer
               where newer.hotkey = $1 and newer.commit_block > $3 and not newer.refused
           ) then 'superseded'
           else 'queued'
       end,
       code, reason
from given
on conflict (hotkey, commit_block) do nothing
returning id, state, code, reason;

-- name: supersede
-- A newer accepted commitment of the hotkey takes the place of those that wait, were scored or set aside.
with old as (
    select id, state from submissions
    where hotkey = $1 and commit_block < $2 and state in ('queued', 'scored', 'quarantined')
    order by id
    for no key update
), changed as (
    update submissions set state = 'superseded', updated_at = now() from old where submissions.id = old.id
)
insert into events (kind, actor, submission_id, from_state, to_state, detail)
select 'submission', 'api', id, state, 'superseded', 'committed again at block ' || $2::bigint from old;

-- name: add_event
-- What became of a new commitment, and why.
insert into events (kind, actor, submission_id, to_state, code, detail) values ('submission', 'api', $1, $2, $3, $4);

-- name: known
-- The id of a commitment that was recorded before.
select id from submissions where hotkey = $1 and commit_block = $2;

-- name: get
-- One submission with its last verdict's numbers.
select * from submissions_with_score where id = $1;

-- name: page
-- Submissions after an id, oldest first.
select * from submissions_with_score where id > $1 order by id limit $2;

-- name: page_of_state
-- Submissions of one state after an id, oldest first.
select * from submissions_with_score where state = $3 and id > $1 order by id limit $2;

-- name: page_of_hotkey
-- A hotkey's submissions after an id, oldest first, of one state if asked.
select * from submissions_with_score where hotkey = $3 and id > $1 and ($4::text is null or state = $4) order by id limit $2;

-- name: evaluations
-- A submission's evaluations, newest round first.
select * from evaluations
where submission_id = $1
order by round desc
limit $2;

-- name: events
-- What happened to a submission and its evaluations, after an event's id; of who it was, the kind: workers say their host, or whose verdict.
select id, at, kind, evaluation_id, from_state, to_state, code,
       case
           when actor in ('api', 'validator', 'dispatcher') then actor
           when host is not null or kind = 'submission' and evaluation_id is not null then 'worker'
           else 'operator'
       end as actor
from events
where submission_id = $1 and id > $2
order by id
limit $3;

-- name: known_of
-- Whether commitments, named by hotkey and commit block in one array each, are recorded, and where their hotkeys' cooldowns start.
-- A cooldown starts at the hotkey's newest commitment that was not refused for one of the codes of $3. In the order given.
select held.id is not null as recorded,
       (
           select max(commit_block) from submissions s
           where s.hotkey = named.hotkey and (s.code is null or s.code <> all($3::integer[]))
       ) as cooldown_from
from unnest($1::text[], $2::bigint[]) with ordinality as named (hotkey, commit_block, place)
left join submissions held using (hotkey, commit_block)
order by place;

-- name: tags
-- Every tag that was ever committed, in the order in which commitments count.
select id as submission_id, hotkey, public_key, commit_block, tiebreak, tag
from submissions
where tag is not null
order by commit_block, tiebreak, id;

-- name: by_tensors
-- Submissions that were found to hold the same tensors, in the order in which commitments count.
select * from submissions_with_score where tensors_hash = $1 order by commit_block, tiebreak, id;

-- name: candidates
-- Each submission that may still be judged, as opening a round reads it.
-- Those are: what waits, what is scored, and what was scored before its hotkey committed again, while nothing later of it has a verdict.
-- What the ledger keeps, by hotkeys in $1 and commit blocks in $2, stays in also when something later has a verdict.
-- What was set aside when its hotkey committed again stays out, and so does a near-copy: else committing would undo a quarantine.
-- The commitment before counts whatever became of it: the queue goes by when a hotkey committed last.
with standing as (
    select id, null::bigint as succeeded_at from submissions where state in ('queued', 'scored')
    union all
    select old.id, min(later.commit_block)
    from submissions old
    join submissions later on later.hotkey = old.hotkey and later.commit_block > old.commit_block and not later.refused
    where old.state = 'superseded'
      and old.id in (
          select s.id
          from submissions waiting
          join submissions s on s.hotkey = waiting.hotkey and s.commit_block < waiting.commit_block
          where waiting.state = 'queued'
            and not exists (
                select from submissions judged
                join evaluations e on e.submission_id = judged.id and e.state in ('scored', 'rejected')
                where judged.hotkey = s.hotkey and judged.commit_block > s.commit_block
            )
          union
          select s.id
          from unnest($1::text[], $2::bigint[]) as kept (hotkey, commit_block)
          join submissions s using (hotkey, commit_block)
      )
      and exists (select from evaluations e where e.submission_id = old.id and e.state = 'scored')
      and not exists (
          select from events v
          where v.submission_id = old.id and v.kind = 'submission' and v.from_state = 'quarantined' and v.to_state = 'superseded'
            and not exists (
                select from near_copies c where c.submission_id = old.id and c.decision = 'released' and c.decided_at > v.at
            )
      )
      and not exists (select from near_copies c where c.submission_id = old.id and c.decision is distinct from 'released')
    group by old.id
)
select s.id, s.hotkey, s.commit_block, s.tiebreak, s.family, succeeded_at,
       (select max(p.commit_block) from submissions p where p.hotkey = s.hotkey and p.commit_block < s.commit_block) as previous_block,
       (select max(e.round) from evaluations e where e.submission_id = s.id) as last_round
from standing
join submissions s using (id)
order by s.commit_block, s.tiebreak, s.id;

-- name: newest
-- The newest commitment of each registered hotkey, and the newest that was neither refused on the commitment alone nor banned ($1) since.
select n.hotkey, max(s.commit_block) as recorded,
       max(s.commit_block) filter (where not s.refused and s.code is distinct from $1) as admitted
from neurons n
left join submissions s using (hotkey)
group by n.hotkey
order by n.hotkey;

-- name: statuses
-- Where submissions stand that are named by hotkey and commit block, one array each, or that a round asked for.
select s.hotkey, s.commit_block, s.state, s.code,
       exists (
           select from submissions later
           where later.hotkey = s.hotkey and later.commit_block > s.commit_block and not later.refused
       ) as superseded,
       (select max(e.round) from evaluations e where e.submission_id = s.id) as last_round,
       (
           select o.hotkey || '@' || o.commit_block
           from near_copies c
           join submissions o on o.id = c.original_id
           where c.submission_id = s.id and c.decision is distinct from 'released'
       ) as near_of
from (
    select s.id
    from unnest($1::text[], $2::bigint[]) as named (hotkey, commit_block)
    join submissions s using (hotkey, commit_block)
    union
    select submission_id from evaluations where round = $3
) asked
join submissions s using (id)
order by s.id;

-- name: outcomes
-- How many submissions stand where, and why, for the metrics.
select state, code, count(*)::integer as count from submissions group by state, code order by state, code nulls first;
