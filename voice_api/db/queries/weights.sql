-- name: record
-- Keep what was known, planned and answered.
insert into weight_attempts (block, snapshot_hash, snapshot, plan, outcome, error) values ($1, $2, $3, $4, $5, $6);

-- name: latest
-- The last attempt, or the last that ended in one way.
select block, snapshot_hash, snapshot, plan, outcome, error from weight_attempts where $1::text is null or outcome = $1 order by id desc limit 1;
