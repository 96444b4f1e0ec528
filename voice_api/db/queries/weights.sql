-- name: record
-- Keep what was known, planned and answered.
insert into weight_attempts (
    validator, block, snapshot_hash, snapshot, plan, outcome, error, mechanism, reveal_round, applied_block
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
returning id;

-- name: latest
-- A validator's last attempt, or the last that stands in one way.
select * from weight_attempts where validator = $1 and ($2::text is null or outcome = $2) order by id desc limit 1;

-- name: waiting
-- A validator's sealed attempts that were neither applied nor expired yet, oldest first.
select * from weight_attempts where validator = $1 and outcome = 'pending' order by id;

-- name: of_snapshot
-- The first attempt that was made from a snapshot.
select * from weight_attempts where snapshot_hash = $1 order by id limit 1;

-- name: page
-- A validator's attempts before an id, newest first.
select * from weight_attempts where validator = $1 and id < $2 order by id desc limit $3;

-- name: settle
-- What became of a sealed attempt.
update weight_attempts set outcome = $3, applied_block = $4 where validator = $1 and id = $2 and outcome = 'pending' returning id;
