-- Sketches are drawn by a secret that no miner knows. Those drawn without one are made anew when their models are judged again.
create table sketch_keys (
    id      smallint primary key generated always as identity,  -- the newest counts
    secret  bytea not null
        default sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
        check (octet_length(secret) = 32)
);
insert into sketch_keys default values;

delete from sketches;
alter table sketches add column key_id smallint not null references sketch_keys;
