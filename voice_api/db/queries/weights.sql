-- name: record
-- Keep what was known and planned, and what became of it.
insert into weight_attempts (
    validator, block, snapshot_hash, snapshot, plan, outcome, error, mechanism, reveal_round, applied_block, next_block,
    refusal, opens_in
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
returning id;

-- name: latest
-- A validator's last attempt, or the last that stands in one way.
select * from weight_attempts where validator = $1 and ($2::text is null or outcome = $2) order by id desc limit 1;

-- name: planned
-- A validator's last attempt from a snapshot of its ledger (and not from an older plan) that the chain took.
-- The key is looked for in the text: PostgreSQL's operators refuse a whole document for one NUL (\u0000) in any of its texts.
select * from weight_attempts
where validator = $1 and outcome in ('set', 'pending', 'applied', 'expired') and snapshot::text !~ '"carried"\s*:'
order by id desc
limit 1;

-- name: waiting
-- A validator's attempts of which it is not known yet what becomes of them, oldest first.
select * from weight_attempts where validator = $1 and outcome in ('sending', 'pending') order by id;

-- name: of_snapshot
-- The attempts that were made from a snapshot, oldest first.
select * from weight_attempts where snapshot_hash = $1 order by id;

-- name: page
-- A validator's attempts before an id, newest first.
select * from weight_attempts where validator = $1 and id < $2 order by id desc limit $3;

-- name: settle
-- What became of an attempt that was sent, or is sealed.
update weight_attempts
set block = $3, outcome = $4, error = $5, mechanism = $6, reveal_round = $7, applied_block = $8, next_block = $9,
    refusal = $10, opens_in = $11
where validator = $1 and id = $2 and outcome in ('sending', 'pending')
returning id;
