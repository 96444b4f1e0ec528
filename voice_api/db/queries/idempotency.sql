-- name: take
-- Take a key until the transaction ends; false while another request holds it.
select pg_try_advisory_xact_lock(hashtextextended(jsonb_build_array('idempotency', $1::text, $2::text)::text, 0));

-- name: known
-- What was answered under a key, while it is kept.
select request, status, answer, location from idempotency where hotkey = $1 and key = $2 and at >= now() - $3::interval;

-- name: keep
-- Keep an answer, in the place of one that is no longer kept.
insert into idempotency (hotkey, key, request, status, answer, location)
values ($1, $2, $3, $4, $5, $6)
on conflict (hotkey, key) do update
set request = excluded.request, status = excluded.status, answer = excluded.answer, location = excluded.location, at = now();

-- name: purge
-- Let go of some keys that are no longer kept.
delete from idempotency
where (hotkey, key) in (select hotkey, key from idempotency where at < now() - $1::interval order by at limit 100 for update skip locked);
