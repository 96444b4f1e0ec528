-- name: rounds
-- The newest closed rounds, up to $4 if named, with the tracks in which $3 submissions or more were scored.
select recent.round, e.track
from (select round from rounds where state in ('closed', 'folded') and ($4::integer is null or round <= $4)
      order by round desc limit $2) recent
join evaluations e using (round)
where e.state = 'scored' and e.track is not null and ($1::text is null or e.track = $1)
group by recent.round, e.track
having count(*) >= $3
order by recent.round desc, e.track;

-- name: scored
-- The scored evaluations of a closed round in a track.
select e.id as evaluation_id, e.submission_id, s.hotkey, s.commit_block, s.repo, e.score, e.stderr, e.receipt_hash
from evaluations e
join rounds r using (round)
join submissions s on s.id = e.submission_id
where e.round = $1 and e.track = $2 and e.state = 'scored' and r.state in ('closed', 'folded')
order by e.score desc, e.id;

-- name: shared
-- The prompts that two evaluations have sound of, but for those that a voter ($3) has voted on as a whole.
select a.prompt_id, a.pcm_sha256 as first, b.pcm_sha256 as second
from samples a
join samples b using (prompt_id)
where a.evaluation_id = $1 and b.evaluation_id = $2 and a.pcm_sha256 <> '' and b.pcm_sha256 <> '' and a.pcm_sha256 <> b.pcm_sha256
  and not exists (
      select from votes v
      where v.voter = $3 and v.prompt_id = a.prompt_id and v.factor is null
        and least(v.first_evaluation, v.second_evaluation) = least($1::bigint, $2::bigint)
        and greatest(v.first_evaluation, v.second_evaluation) = greatest($1::bigint, $2::bigint)
  )
order by a.position;

-- name: add
-- Keep a vote; no row where this pair, or these two clips by this voter, were voted on before.
insert into votes (pair, voter, first_evaluation, second_evaluation, prompt_id, factor, choice)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing
returning id;

-- name: last
-- The newest vote's id, 0 without any.
select coalesce(max(id), 0) from votes;

-- name: of_pair
-- The vote on a pair.
select pair, voter, first_evaluation, second_evaluation, prompt_id, factor, choice from votes where pair = $1;

-- name: judged
-- The two clips of a pair as the judges found them.
select e.id as evaluation_id, e.submission_id, e.round, e.track, s.hotkey, s.repo, p.prompt_id, p.pcm_sha256, p.score, p.gate, p.utilities, p.heard
from samples p
join evaluations e on e.id = p.evaluation_id
join submissions s on s.id = e.submission_id
where p.prompt_id = $3 and p.evaluation_id in ($1, $2)
order by p.evaluation_id = $2;

-- name: newest
-- The newest votes beside what the judges found of the same clips.
select v.first_evaluation, v.second_evaluation, v.prompt_id, v.factor, v.choice, a.score as first_score, b.score as second_score,
       a.utilities as first_utilities, b.utilities as second_utilities
from votes v
join samples a on a.evaluation_id = v.first_evaluation and a.prompt_id = v.prompt_id
join samples b on b.evaluation_id = v.second_evaluation and b.prompt_id = v.prompt_id
join evaluations e on e.id = v.first_evaluation
where $1::text is null or e.track = $1
order by v.id desc
limit $2;
