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
select round, track, opened, challenger, king, outcome, wealth, threshold, margin, lead, groups, rounds
from duel_rounds d
where validator = $1
    and ($2::integer is null or opened < $2 or opened = $2 and track > $3)
    and ($4::text is null or track = $4)
    and ($5::text is null or split_part(challenger, '@', 1) = $5 or split_part(king, '@', 1) = $5)
    and not exists (
        select from duel_rounds later
        where later.validator = d.validator and later.track = d.track and later.opened = d.opened and later.round > d.round
    )
order by opened desc, track
limit $6;

-- name: curve
-- A duel of a ledger, round by round.
select round, track, opened, challenger, king, outcome, wealth, threshold, margin, lead, groups, rounds
from duel_rounds
where validator = $1 and track = $2 and opened = $3
order by round;
