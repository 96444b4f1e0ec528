-- Models that rewrite another's weights: what each model's sketch is, and who was set aside as whose near-copy.
create table sketches (
    submission_id  bigint primary key references submissions,
    bands          bigint[] not null,                -- of which a near-copy shares several
    sketch         bytea not null
);
create index sketches_by_band on sketches using gin (bands);
alter table sketches alter column sketch set storage external;  -- numbers by chance: nothing to compress

create table near_copies (
    submission_id  bigint primary key references submissions,
    original_id    bigint not null references submissions,
    evaluation_id  bigint not null references evaluations,  -- whose receipt has the numbers, signed
    distance       integer,                          -- of weights, in 1e-6; null where none was taken
    compared       bigint not null,
    sound          integer,                          -- similarity, in 1e-6; null where none was taken
    prompts        integer not null,
    most_distance  integer not null,                 -- the thresholds of that round's rules
    least_sound    integer not null,
    found_at       timestamptz not null default now(),
    appeal_until   timestamptz not null,
    decision       text check (decision in ('released', 'confirmed')),
    decided_at     timestamptz,
    check (submission_id <> original_id),
    check ((decision is null) = (decided_at is null))
);
create index near_copies_by_time on near_copies (found_at, submission_id);
create index near_copies_by_original on near_copies (original_id);

-- Whose copy it is that an operator confirmed is what a worker found: who gives the order can name nobody else.
create function name_original() returns trigger language plpgsql as $$
begin
    new.copy_of := (select original_id from near_copies c where c.submission_id = new.id and c.decision = 'confirmed');
    return new;
end $$;
create trigger name_original before update of state on submissions
    for each row when (old.state = 'quarantined' and new.state = 'copy') execute function name_original();

insert into transitions (kind, from_state, to_state) values ('submission', 'quarantined', 'copy');

create view near_copies_shown as
select c.*, s.hotkey, s.commit_block, o.hotkey as original_hotkey, o.commit_block as original_commit_block, e.round, e.receipt_hash
from near_copies c
join submissions s on s.id = c.submission_id
join submissions o on o.id = c.original_id
join evaluations e on e.id = c.evaluation_id;
