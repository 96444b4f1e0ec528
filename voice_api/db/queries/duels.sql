-- name: note
-- What an entry of a ledger says of duels, one array per column.
insert into duel_rounds (
    validator, round, track, opened, challenger, king, outcome, wealth, threshold, margin, lead, groups, rounds
)
select $1, $2, duel.*
from unnest(
    $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::float8[], $9::float8[], $10::integer[], $11::integer[],
    $12::integer[], $13::integer[]
) as duel;

-- name: page
-- The last row of each duel of a ledger, the one that opened last first, after an opening; of a track and of a hotkey, if asked.
select d.*, c.id as challenger_submission, k.id as king_submission
from duel_rounds d
left join submissions c on c.hotkey = split_part(challenger, '@', 1) and c.commit_block = split_part(challenger, '@', 2)::bigint
left join submissions k on k.hotkey = split_part(king, '@', 1) and k.commit_block = split_part(king, '@', 2)::bigint
where validator = $1
    and ($2::integer is null or opened < $2 or opened = $2 and d.track > $3)
    and ($4::text is null or d.track = $4)
    and ($5::text is null or split_part(challenger, '@', 1) = $5 or split_part(king, '@', 1) = $5)
    and not exists (
        select from duel_rounds later
        where later.validator = d.validator and later.track = d.track and later.opened = d.opened and later.round > d.round
    )
order by opened desc, d.track
limit $6;

-- name: curve
-- A duel of a ledger, round by round.
select d.*, c.id as challenger_submission, k.id as king_submission
from duel_rounds d
left join submissions c on c.hotkey = split_part(challenger, '@', 1) and c.commit_block = split_part(challenger, '@', 2)::bigint
left join submissions k on k.hotkey = split_part(king, '@', 1) and k.commit_block = split_part(king, '@', 2)::bigint
where validator = $1 and d.track = $2 and opened = $3
order by round;

-- name: groups
-- What both sides of a duel scored on each group of its rounds that counted, the widest difference first.
with step as (
    select round, challenger, king, rounds > lag(rounds) over (order by round) as counted
    from duel_rounds
    where validator = $1 and track = $2 and opened = $3
), pair as (
    select step.round, c.id as challenger_evaluation, k.id as king_evaluation
    from step
    join submissions cs on cs.hotkey = split_part(challenger, '@', 1) and cs.commit_block = split_part(challenger, '@', 2)::bigint
    join submissions ks on ks.hotkey = split_part(king, '@', 1) and ks.commit_block = split_part(king, '@', 2)::bigint
    join evaluations c on c.submission_id = cs.id and c.round = step.round and c.state = 'scored'
    join evaluations k on k.submission_id = ks.id and k.round = step.round and k.state = 'scored'
    where step.counted
)
select pair.*, mine.group_id, mine.kind, mine.score - theirs.score as difference,
       mine.score as challenger_score, theirs.score as king_score,
       array(
           select s.prompt_id from samples s where s.evaluation_id = challenger_evaluation and s.group_id = mine.group_id order by s.position
       ) as prompt_ids
from pair
join evaluation_groups mine on mine.evaluation_id = challenger_evaluation
join evaluation_groups theirs on theirs.evaluation_id = king_evaluation and theirs.group_id = mine.group_id
order by abs(mine.score - theirs.score) desc, pair.round, mine.position
limit $4;
