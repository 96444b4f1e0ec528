-- name: plain_output
-- Values as text that every server reads back alike, whatever this login's own taste; for this transaction alone.
select
    set_config('datestyle', 'ISO', true), set_config('intervalstyle', 'postgres', true), set_config('timezone', 'UTC', true),
    set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true);

-- name: tables
-- Every table with the columns that are not computed, and the tables that its rows refer to.
select
    c.relname as name,
    array(
        select a.attname::text from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        order by a.attnum
    ) as columns,
    array(
        select distinct r.relname::text from pg_constraint f join pg_class r on r.oid = f.confrelid
        where f.conrelid = c.oid and f.contype = 'f' and f.confrelid <> c.oid
    ) as needs
from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
order by c.relname;

-- name: heads
-- The last entry of each validator's ledger.
select distinct on (validator) validator, round, state_hash from ledger order by validator, round desc;

-- name: is_empty
-- Whether nothing of anybody is here.
select not exists (select from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S', 'f')) as empty;

-- name: clear
-- Drop all that is here: tables, views and functions, with what belongs to them.
do $$
declare
    found record;
begin
    for found in
        select format('drop %s if exists %I.%I cascade', case relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end,
                      'public', relname) as statement
        from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')
    loop
        execute found.statement;
    end loop;
    for found in
        select p.oid::regprocedure as name from pg_proc p
        where p.pronamespace = 'public'::regnamespace and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    loop
        execute format('drop routine if exists %s cascade', found.name);
    end loop;
end $$;

-- name: left_out
-- Say which tables no backup holds, for the rest of this transaction alone.
select set_config('voice.left_out', $1, true);

-- name: note_unproved
-- Remember the constraints that old rows need not meet, until this transaction ends.
create temporary table unproved on commit drop as
select conrelid::regclass::text as place, conname::text as name, pg_get_constraintdef(oid) as definition
from pg_constraint
where connamespace = 'public'::regnamespace and not convalidated;

-- name: make_room
-- Take out the rows that the migrations brought where a backup brings its own, and the constraints that old rows need not meet: they come back once those are in.
do $$
declare
    found record;
begin
    for found in select * from unproved loop
        execute format('alter table %s drop constraint %I', found.place, found.name);
    end loop;
    for found in
        select relname as name from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r'
            and relname <> all (string_to_array(current_setting('voice.left_out'), ','))
    loop
        execute format('delete from public.%I', found.name);
    end loop;
end $$;

-- name: settle
-- Put the constraints back, and let each sequence go on after the last row.
do $$
declare
    found record;
begin
    for found in select * from unproved loop
        execute format('alter table %s add constraint %I %s', found.place, found.name, found.definition);
    end loop;
    for found in
        select c.relname as place, a.attname as name, pg_get_serial_sequence(format('%I.%I', 'public', c.relname), a.attname) as sequence
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attidentity <> '' and not a.attisdropped
    loop
        execute format('select setval(%L, coalesce(max(%I) + 1, 1), false) from public.%I', found.sequence, found.name, found.place);
    end loop;
    drop table unproved;
end $$;

-- name: count_anew
-- Let the planner know what is here now.
analyze;
