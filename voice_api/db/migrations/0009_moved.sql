-- An evaluation may have been sent to another queue, by a worker that read which device its track speaks on: once, never to and fro.
alter table evaluations add column moved boolean not null default false;
