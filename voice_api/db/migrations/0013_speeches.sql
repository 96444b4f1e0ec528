-- A sentence that somebody asked to hear in a model's voice. Nothing of it earns or decides anything; it is deleted after a while.
create table speeches (
    id             uuid primary key default gen_random_uuid(),
    text           text not null,
    description    text not null,                      -- '' where none was given
    submission_id  bigint not null references submissions (id),
    crowned        boolean not null,                   -- whether it held the top of its track when it was asked for
    round          integer not null,                   -- whose rules it is spoken by
    track          text not null,
    family         text not null,
    hotkey         text not null,
    repo           text not null,
    revision       text not null,
    content_hash   text not null,
    queue          text not null check (queue in ('cpu', 'gpu')),
    state          text not null default 'queued' check (state in ('queued', 'running', 'done', 'failed')),
    attempt        integer not null default 0 check (attempt >= 0),
    due_at         timestamptz not null default now(),
    token          uuid,
    worker         text,
    lease_until    timestamptz,
    audio          bytea,                              -- FLAC
    rate           integer check (rate > 0),           -- Hz
    seconds        double precision check (seconds > 0),
    speak_seconds  double precision check (speak_seconds >= 0),
    code           integer,
    reason         text,
    created_at     timestamptz not null default now(),
    deadline_at    timestamptz not null,
    expires_at     timestamptz not null check (expires_at > deadline_at),
    claimed_at     timestamptz,
    finished_at    timestamptz,
    check ((state = 'running') = (token is not null)),
    check ((state = 'running') = (lease_until is not null)),
    check ((state = 'done') = (audio is not null)),
    check ((audio is null) = (rate is null) and (audio is null) = (seconds is null)),
    check ((state in ('done', 'failed')) = (finished_at is not null)),
    check ((state = 'failed') = (code is not null))
);
create index speeches_due on speeches (queue, due_at, created_at) where state = 'queued';
create index speeches_open on speeches (deadline_at) where state in ('queued', 'running');
create index speeches_by_time on speeches (created_at);
create index speeches_by_end on speeches (expires_at);
