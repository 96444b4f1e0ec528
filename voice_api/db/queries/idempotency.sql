-- name: begin
-- Take a key for one request: a new one, one that is no longer kept, or one whose request never ended; no row if it is another's.
insert into idempotency (hotkey, key, request, status, answer)
values ($1, $2, $3, 0, '')
on conflict (hotkey, key) do update
set request = excluded.request, status = 0, answer = '', at = now()
where idempotency.at < now() - $4::interval
   or (idempotency.status = 0 and idempotency.request = excluded.request and idempotency.at < now() - $5::interval)
returning at;

-- name: known
-- What is kept under a key.
select request, status, answer from idempotency where hotkey = $1 and key = $2;

-- name: answer
-- Keep the answer, if the key is still this request's.
update idempotency set status = $4, answer = $5 where hotkey = $1 and key = $2 and at = $3;

-- name: forget
-- Give a key back whose request did nothing.
delete from idempotency where hotkey = $1 and key = $2 and at = $3 and status = 0;

-- name: purge
-- Let go of some keys that are no longer kept.
delete from idempotency
where (hotkey, key) in (select hotkey, key from idempotency where at < now() - $1::interval order by at limit 100 for update skip locked);
