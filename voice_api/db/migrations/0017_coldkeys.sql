-- Whose a hotkey was is known when it is registered no more: what its owner commits again under another hotkey is no copy.
create table coldkeys (
    hotkey   text primary key,
    coldkey  text not null
);
insert into coldkeys select hotkey, coldkey from neurons;
