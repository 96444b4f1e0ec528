-- The truth of a validator's stack: the registry as last read, submissions, rounds, evaluations, and what was decided.
create table registry (
    singleton    boolean primary key default true check (singleton),
    netuid       integer not null,
    block        bigint not null,
    block_hash   text not null,
    received_at  timestamptz not null default now()
);

create table neurons (
    hotkey               text primary key,
    uid                  integer not null unique check (uid between 0 and 65535),
    coldkey              text not null,
    registered_at_block  bigint not null,
    immune_until_block   bigint not null
);

create table submissions (
    id            bigint generated always as identity primary key,
    hotkey        text not null,
    commit_block  bigint not null check (commit_block >= 0),
    tiebreak      text not null,                     -- hex sha256(block hash || public key): the order inside one block
    public_key    text not null check (public_key ~ '^[0-9a-f]{64}$'),
    commitment    text not null,                     -- as on chain
    repo          text,
    revision      text check (revision ~ '^[0-9a-f]{40}$'),
    tag           text check (tag ~ '^[0-9a-f]{32}$'),
    refused       boolean not null,                  -- on its commitment alone: it neither supersedes nor starts a cooldown
    state         text not null check (state in ('queued', 'scored', 'rejected', 'copy', 'superseded')),
    code          integer,
    reason        text,
    content_hash  text,
    tensors_hash  text,
    copy_of       bigint references submissions (id),
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    unique (hotkey, commit_block),
    check (refused or (repo is not null and revision is not null and tag is not null)),
    check ((state in ('rejected', 'copy')) = (code is not null)),
    check ((state = 'copy') = (copy_of is not null)),
    check (code is null or code between 1000 and 1999)
);
create index submissions_by_state on submissions (state, commit_block, id);
create index submissions_by_tensors on submissions (tensors_hash) where tensors_hash is not null;
create index submissions_by_hotkey on submissions (hotkey, id);
create index submissions_by_content on submissions (content_hash) where content_hash is not null;

create table rounds (
    round             integer primary key check (round >= 0),
    start_block       bigint not null,
    block_hash        text not null,
    deadline_block    bigint not null,
    competition_hash  text not null,
    state             text not null default 'open' check (state in ('open', 'closed', 'folded')),
    opened_at         timestamptz not null default now(),
    closed_at         timestamptz,                   -- from here on no verdict is written: what is folded can be read again
    check ((state = 'open') = (closed_at is null))
);

create table evaluations (
    id             bigint generated always as identity primary key,
    submission_id  bigint not null references submissions (id),
    round          integer not null references rounds (round),
    queue          text not null check (queue in ('cpu', 'gpu')),
    priority       integer not null,                 -- lower is sooner
    state          text not null default 'queued' check (state in ('queued', 'running', 'scored', 'rejected', 'parked')),
    attempt        integer not null default 0 check (attempt >= 0),
    failures       integer not null default 0 check (failures >= 0),  -- infrastructure failures so far
    due_at         timestamptz not null default now(),
    token          uuid,                             -- fences out a worker whose lease ran out
    worker         text,
    lease_until    timestamptz,
    stage          text,
    done           integer,
    total          integer,
    code           integer,
    reason         text,
    score          integer check (score between 0 and 1000000),
    stderr         integer check (stderr >= 0),
    profile        text,
    profile_hash   text,
    receipt        json,                             -- json, not jsonb: its text is what was hashed and signed
    receipt_hash   text,
    created_at     timestamptz not null default now(),
    finished_at    timestamptz,
    unique (submission_id, round),
    check ((state = 'running') = (token is not null)),
    check ((state = 'running') = (lease_until is not null)),
    check ((state in ('scored', 'rejected')) = (score is not null)),
    check ((state in ('scored', 'rejected')) = (receipt is not null)),
    check ((state in ('scored', 'rejected', 'parked')) = (finished_at is not null))
);
create index evaluations_due on evaluations (queue, priority, due_at, id) where state = 'queued';
create index evaluations_leased on evaluations (lease_until) where state = 'running';
create index evaluations_by_round on evaluations (round);

create view submissions_with_score as
select s.*, last.score, last.stderr, last.round as scored_round
from submissions s
left join lateral (
    select e.score, e.stderr, e.round from evaluations e
    where e.submission_id = s.id and e.state in ('scored', 'rejected')
    order by e.round desc
    limit 1
) last on true;

create table samples (
    evaluation_id  bigint not null references evaluations (id),
    position       integer not null,                 -- the round's own order
    prompt_id      text not null,
    group_id       text not null,
    score          integer not null check (score between 0 and 1000000),
    gate           text,
    metrics        jsonb not null,
    utilities      jsonb not null,
    pcm_sha256     text not null,
    seconds        double precision not null,
    primary key (evaluation_id, position),
    unique (evaluation_id, prompt_id)
);

create table evaluation_groups (
    evaluation_id  bigint not null references evaluations (id),
    position       integer not null,                 -- the round's own order
    group_id       text not null,
    kind           text not null,
    score          integer not null check (score between 0 and 1000000),
    primary key (evaluation_id, position),
    unique (evaluation_id, group_id)
);

create table events (
    id             bigint generated always as identity primary key,
    at             timestamptz not null default now(),
    actor          text not null,
    submission_id  bigint references submissions (id),
    evaluation_id  bigint references evaluations (id),
    from_state     text,
    to_state       text not null,
    code           integer,
    detail         text
);
create index events_by_submission on events (submission_id, id);
create index events_by_evaluation on events (evaluation_id, id);

create table ledger (
    round       integer primary key references rounds (round),
    state_hash  text not null unique,
    previous    text not null,
    state       json not null,
    king        bigint references submissions (id),  -- who holds the top after this round
    folded_at   timestamptz not null default now()
);

create table weight_attempts (
    id             bigint generated always as identity primary key,
    at             timestamptz not null default now(),
    block          bigint not null,
    snapshot_hash  text not null,
    snapshot       json not null,
    plan           json not null,
    outcome        text not null check (outcome in ('set', 'rate_limited', 'failed')),
    error          text
);
create index weight_attempts_by_outcome on weight_attempts (outcome, id);
