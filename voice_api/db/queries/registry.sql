-- name: advance
-- Move the registry to a newer block; returns no row when the stored one is as new or newer.
insert into registry (netuid, block, block_hash, owner_hotkey)
values ($1, $2, $3, $4)
on conflict (singleton) do update
set netuid = excluded.netuid, block = excluded.block, block_hash = excluded.block_hash, owner_hotkey = excluded.owner_hotkey,
    received_at = now()
where registry.block < excluded.block
returning block;

-- name: clear_neurons
-- Forget every neuron, inside the transaction that writes the new ones.
delete from neurons;

-- name: add_neurons
-- Write all neurons of a snapshot, one array per column.
insert into neurons (hotkey, uid, coldkey, registered_at_block, immune_until_block)
select * from unnest($1::text[], $2::integer[], $3::text[], $4::bigint[], $5::bigint[]);

-- name: keep_coldkeys
-- Whose each hotkey is, also once it is registered no more.
insert into coldkeys (hotkey, coldkey) select * from unnest($1::text[], $2::text[])
on conflict (hotkey) do update set coldkey = excluded.coldkey where coldkeys.coldkey <> excluded.coldkey;

-- name: head
-- The block that the registry stands at.
select netuid, block, block_hash, owner_hotkey from registry;

-- name: neurons
-- Every neuron, by uid.
select hotkey, uid, coldkey, registered_at_block, immune_until_block from neurons order by uid;

-- name: standing
-- Whether a hotkey is registered and banned, and whether the registry is young enough to say so; no row before the first registry.
select r.received_at > now() - $2::interval as fresh,
       exists (select from neurons n where n.hotkey = $1) as registered,
       (select b.reason from bans b where b.hotkey = $1) as banned
from registry r;
