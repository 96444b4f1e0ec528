-- name: key
-- What draws sketches now: the newest key.
select id, secret from sketch_keys order by id desc limit 1;

-- name: alike
-- Sketches by a key ($4) that share bands with one ($1), those with most first, at most $3, each with the submission that it stands for.
-- A copy and a near-copy stand for their original; one that an operator released stands for itself. Not those of submission $2.
-- At most $5 of one coldkey and its earliest: nobody's own models, its asker's least of all, may fill the list before a stranger's earlier
-- one, and who came first is known by its first.
-- Nor those of near-copies by their weights: who is near such a one need not be near its original, whose own sketch tells that. Else
-- anybody could set an honest model aside by a model between it and an earlier one.
with near as (
    select k.submission_id, (select count(*) from unnest(k.bands) band where band = any($1::bigint[])) as shared
    from sketches k
    where k.bands && $1::bigint[] and k.submission_id <> $2 and k.key_id = $4
      and coalesce(
          (
              select c.decision is not distinct from 'released' or c.distance is null or c.distance > c.most_distance
              from near_copies c
              where c.submission_id = k.submission_id
          ),
          true
      )
), of_owner as (
    select submission_id, shared,
           row_number() over (partition by coalesce(h.coldkey, s.hotkey) order by shared desc, submission_id) as number,
           row_number() over (partition by coalesce(h.coldkey, s.hotkey) order by submission_id) as age
    from near
    join submissions s on s.id = submission_id
    left join coldkeys h on h.hotkey = s.hotkey
), found as (
    select submission_id, shared from of_owner where number <= $5 or age = 1 order by shared desc, submission_id limit $3
)
select o.id as submission_id, o.hotkey, h.coldkey, o.commit_block, o.tiebreak, s.repo, s.revision, k.sketch
from found f
join sketches k using (submission_id)
join submissions s on s.id = k.submission_id
left join near_copies c on c.submission_id = s.id and c.decision is distinct from 'released'
join submissions o on o.id = coalesce(c.original_id, s.copy_of, s.id)
left join coldkeys h on h.hotkey = o.hotkey
where o.id <> $2
order by f.shared desc, o.commit_block, o.tiebreak, o.id;

-- name: leading
-- The submissions with the highest scores of a track ($2) in a round ($1) and the two before it, each with its sketch by a key ($5).
-- At most $4 of them, $6 of one owner; not submission $3, nor near-copies that no operator released.
with scored as (
    select e.submission_id, max(e.score) as score
    from evaluations e
    where e.round between $1::bigint - 2 and $1 and e.track = $2 and e.state = 'scored' and e.submission_id <> $3
      and not exists (select from near_copies c where c.submission_id = e.submission_id and c.decision is distinct from 'released')
    group by e.submission_id
), of_owner as (
    select submission_id, score,
           row_number() over (partition by coalesce(h.coldkey, s.hotkey) order by score desc, submission_id) as number
    from scored
    join submissions s on s.id = submission_id
    left join coldkeys h on h.hotkey = s.hotkey
), best as (
    select submission_id, score from of_owner where number <= $6 order by score desc, submission_id limit $4
)
select o.id as submission_id, o.hotkey, h.coldkey, o.commit_block, o.tiebreak, s.repo, s.revision, k.sketch
from best b
join submissions s on s.id = b.submission_id
join submissions o on o.id = coalesce(s.copy_of, s.id)
left join sketches k on k.submission_id = s.id and k.key_id = $5
left join coldkeys h on h.hotkey = o.hotkey
where o.id <> $3
order by b.score desc, s.id;

-- name: spoken
-- The sounds of a round's ($1) other submissions in a track ($2) for some prompts ($4), each with the submission that it stands for.
-- Not those of near-copies by their sound: who sounds like such a one need not sound like its original.
select o.id as submission_id, o.hotkey, h.coldkey, o.commit_block, o.tiebreak, e.id as evaluation_id, p.prompt_id, p.pcm_sha256, p.rate
from evaluations e
join samples p on p.evaluation_id = e.id and p.prompt_id = any($4::text[]) and p.pcm_sha256 <> ''
join submissions s on s.id = e.submission_id
left join near_copies c on c.submission_id = s.id and c.decision is distinct from 'released'
join submissions o on o.id = coalesce(c.original_id, s.copy_of, s.id)
left join coldkeys h on h.hotkey = o.hotkey
where e.round = $1 and e.track = $2 and e.state = 'scored' and e.submission_id <> $3 and o.id <> $3
  and (c.sound is null or c.sound < c.least_sound)
order by o.commit_block, o.tiebreak, o.id, e.id, p.position;

-- name: coldkey
-- The coldkey of a hotkey that is or was registered.
select coldkey from coldkeys where hotkey = $1;

-- name: keep_sketch
-- A model's sketch and its bands; the newest rules decide which base it is measured from.
insert into sketches (submission_id, key_id, bands, sketch) values ($1, $2, $3, $4)
on conflict (submission_id) do update set key_id = excluded.key_id, bands = excluded.bands, sketch = excluded.sketch
where sketches.key_id <> excluded.key_id or sketches.bands <> excluded.bands or sketches.sketch <> excluded.sketch;

-- name: note
-- Who is near whom, by an evaluation; no row where that was noted before, whatever an operator decided since.
insert into near_copies (
    submission_id, original_id, evaluation_id, distance, by_files, compared, sound, prompts, most_distance, least_sound, appeal_until
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() + $11::interval)
on conflict (submission_id) do nothing
returning submission_id;

-- name: set_aside
-- A near-copy is judged no more until an operator decides; no row where it was decided for good before.
with old as (
    select id, state from submissions where id = $1 and state in ('queued', 'scored') for no key update
), changed as (
    update submissions s set state = 'quarantined', reason = $4, updated_at = now() from old where s.id = old.id
    returning s.id, old.state as from_state
), noted as (
    insert into events (kind, actor, submission_id, evaluation_id, from_state, to_state, detail)
    select 'submission', $2, id, $3, from_state, 'quarantined', $4 from changed
)
select id from changed;

-- name: get
-- What is known of a near-copy.
select * from near_copies_shown where submission_id = $1;

-- name: page
-- Near-copies after a submission's id, by that; the undecided ones alone if asked.
select * from near_copies_shown where submission_id > $1 and (not $3::boolean or decision is null) order by submission_id limit $2;

-- name: decide
-- An operator's decision on a near-copy; no row where there is none to decide on.
update near_copies set decision = $2, decided_at = now() where submission_id = $1 and decision is null returning original_id;

-- name: confirm
-- A near-copy that was set aside is a copy for good.
with changed as (
    update submissions s set state = 'copy', code = $4, reason = $3, updated_at = now()
    where s.id = $1 and s.state = 'quarantined'
    returning s.id
), noted as (
    insert into events (kind, actor, submission_id, from_state, to_state, code, detail)
    select 'submission', $2, id, 'quarantined', 'copy', $4, $3 from changed
)
select id from changed;
