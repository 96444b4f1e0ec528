-- The owner's hotkey: with the ledger it gives every weight, the burned part among them.
alter table registry add column owner_hotkey text;

-- How each duel went, round by round: an entry of the ledger keeps an open duel's sums only, and forgets one that has ended.
create table duel_rounds (
    validator   text not null,
    round       integer not null,
    track       text not null,
    opened      integer not null,                    -- the round at whose end it opened: a track opens one duel at most in a round
    challenger  text not null,                       -- hotkey@commit_block
    king        text not null,
    outcome     text not null check (outcome in (
        'open', 'crowned', 'futile', 'max_rounds', 'king_gone', 'challenger_gone', 'challenger_absent', 'new_scale'
    )),
    wealth      double precision not null,
    threshold   double precision not null,
    margin      integer not null,
    lead        integer,                             -- mean over its groups, in 1e-6; null where the entry does not keep it
    groups      integer not null,
    rounds      integer not null,                    -- scored on both sides
    primary key (validator, track, opened, round),
    foreign key (validator, round) references ledger (validator, round) on delete cascade
);
create index duel_rounds_by_round on duel_rounds (validator, round);
create index duel_rounds_by_opened on duel_rounds (validator, opened desc, track);
