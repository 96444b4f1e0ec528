-- name: lead
-- Try to become the one dispatcher; the lock ends with the connection.
select pg_try_advisory_lock(hashtextextended('voice:dispatcher', 0));

-- name: alive
-- The connection that holds the lock still stands.
select true;
