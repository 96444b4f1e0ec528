-- name: get
-- A receipt by its hash, its text as it was stored.
select id as evaluation_id, receipt_hash, receipt::text as receipt, signature, certificate
from evaluations
where receipt_hash = $1
order by id
limit 1;
