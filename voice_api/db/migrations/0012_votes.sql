-- What listeners prefer in blind pairs of clips. It stands beside the judges' verdicts and enters no score: only the API reads it.
create table votes (
    id                 bigint generated always as identity primary key,
    pair               uuid not null unique,            -- as it was shown: a pair is voted on once
    at                 timestamptz not null default now(),
    voter              text not null check (voter ~ '^[0-9a-f]{64}$'),  -- a keyed hash of the address; the key is gone after two days
    first_evaluation   bigint not null,
    second_evaluation  bigint not null,
    prompt_id          text not null,
    factor             text,                            -- what was asked about; null: which is better as a whole
    choice             text not null check (choice in ('first', 'second', 'tie')),
    check (first_evaluation <> second_evaluation),
    foreign key (first_evaluation, prompt_id) references samples (evaluation_id, prompt_id),
    foreign key (second_evaluation, prompt_id) references samples (evaluation_id, prompt_id)
);

-- One listener has one vote on two clips, whichever side each was on.
create unique index votes_once on votes (
    voter, prompt_id, least(first_evaluation, second_evaluation), greatest(first_evaluation, second_evaluation), coalesce(factor, '')
);
