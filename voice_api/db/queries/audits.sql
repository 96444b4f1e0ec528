-- name: draw
-- Keep what is to be judged again, one array per column; what was drawn before stays as it is.
insert into audits (validator, receipt_hash, round, entrant, service, host, level)
select $1, receipt_hash, $2, entrant, service, host, level
from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[]) as drawn (receipt_hash, entrant, service, host, level)
on conflict do nothing;

-- name: next
-- The oldest that was not tried yet.
select receipt_hash, round, entrant, service, host, level from audits
where validator = $1 and outcome = 'drawn'
order by round, receipt_hash
limit 1;

-- name: settle
-- What came of one.
update audits set outcome = $3, found = $4, deviation = $5, tolerance = $6, audited_at = now()
where validator = $1 and receipt_hash = $2;

-- name: deviations
-- Scores that were judged again and held, in the order in which they were.
select round, entrant, service, deviation, tolerance from audits
where validator = $1 and outcome = 'holds' and deviation is not null
order by audited_at, round, receipt_hash;

-- name: distrusted
-- Service keys that signed what does not hold, each with the first round in which it did.
select service, min(round) as round from audits where validator = $1 and outcome = 'differs' group by service;

-- name: outcomes
-- How many stand in which way.
select outcome, count(*) as count from audits where validator = $1 group by outcome;
