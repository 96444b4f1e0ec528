-- name: drop
-- A new demo starts clean.
drop database if exists voice_demo with (force);

-- name: exists
-- Whether an earlier demo left its database.
select exists (select from pg_database where datname = 'voice_demo');

-- name: create
-- The demo's own database on a server that is given.
create database voice_demo;
