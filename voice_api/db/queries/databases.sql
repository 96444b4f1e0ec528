-- name: exists
-- Whether the server has a database of this name.
select exists (select from pg_database where datname = $1);

-- name: creation
-- The statement that makes a database of this name, which takes no parameters.
select format('create database %I', $1::text);
