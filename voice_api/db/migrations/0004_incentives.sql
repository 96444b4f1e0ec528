-- Weights from evidence: a ledger for each validator, who stood when a round closed, and how an attempt to set weights went on.

-- A ledger is its validator's, and names submissions as every validator does, by hotkey and commit block. The first one named rows of
-- this database: what it held is folded again, from the receipts, by each validator for itself.
drop table ledger;
create table ledger (
    validator     text not null,                     -- its hotkey
    round         integer not null check (round >= 0),
    state_hash    text not null,
    previous      text not null,
    state         json not null,
    inputs        json not null,                     -- what the fold was given besides the receipts: with them it can be done again
    king_entrant  text,                              -- who holds the top after this round: hotkey@commit_block
    folded_at     timestamptz not null default now(),
    primary key (validator, round),
    unique (validator, previous)                     -- one chain, no branches
);

update rounds set state = 'closed' where state = 'folded';
alter table rounds
    drop constraint rounds_state_check,
    add constraint rounds_state_check check (state in ('open', 'closed'));

-- Who stood when a round closed, written once by whoever closed it: every validator folds the same facts, whenever it comes to it.
create table rolls (
    round     integer primary key references rounds (round),
    block     bigint not null,                       -- of the metagraph that it was read from
    standing  json not null,                         -- entrants that may go on
    gone      json not null                          -- entrant -> why, of those that were known and may not
);

-- An attempt may be sealed: the chain opens it at a round of its beacon, and applies it then or never. It is written before it is sent:
-- whoever was killed in between finds it, and asks the chain what became of it.
alter table weight_attempts
    add column validator      text not null default '',
    add column mechanism      text not null default 'plain' check (mechanism in ('plain', 'sealed')),
    add column reveal_round   bigint,
    add column applied_block  bigint,
    add column next_block     bigint,                -- from which the chain takes weights again, where it said so
    drop constraint weight_attempts_outcome_check,
    add constraint weight_attempts_outcome_check
        check (outcome in ('sending', 'set', 'rate_limited', 'failed', 'pending', 'applied', 'expired')),
    add constraint sealed_waits check (outcome not in ('pending', 'applied', 'expired') or mechanism = 'sealed' and reveal_round is not null),
    add constraint applied_somewhere check (outcome <> 'applied' or applied_block is not null);
alter table weight_attempts alter column validator drop default;
drop index weight_attempts_by_outcome;
create index weight_attempts_by_validator on weight_attempts (validator, id);
create index weight_attempts_by_outcome on weight_attempts (validator, outcome, id);
create index weight_attempts_by_snapshot on weight_attempts (snapshot_hash);

-- What a validator that follows another's evidence judges again: a row for each evaluation that it drew.
create table audits (
    validator     text not null,                     -- its hotkey
    receipt_hash  text not null,
    round         integer not null,
    entrant       text not null,                     -- hotkey@commit_block
    service       text not null,                     -- the key that signed the receipt
    host          text not null,                     -- where its worker says it is
    level         smallint not null check (level in (2, 3)),  -- the audio is judged again; the model speaks again
    outcome       text not null default 'drawn' check (outcome in ('drawn', 'holds', 'differs', 'missing', 'failed')),
    found         json,                              -- what differs, or why it came to nothing
    drawn_at      timestamptz not null default now(),
    audited_at    timestamptz,
    primary key (validator, receipt_hash)
);
create index audits_drawn on audits (validator, round) where outcome = 'drawn';
create index audits_that_differ on audits (validator, service) where outcome = 'differs';
