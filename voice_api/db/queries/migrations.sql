-- name: lock
-- One process migrates at a time; the lock ends with the connection.
select pg_advisory_lock(hashtextextended('voice:migrations', 0));

-- name: version
-- The newest migration that was applied.
select version_num from alembic_version;
