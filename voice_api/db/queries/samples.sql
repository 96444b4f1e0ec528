-- name: page
-- An evaluation's samples after a position, in the round's own order.
select position, prompt_id, group_id, score, gate, metrics, utilities, pcm_sha256, rate, seconds
from samples
where evaluation_id = $1 and position > $2
order by position
limit $3;
