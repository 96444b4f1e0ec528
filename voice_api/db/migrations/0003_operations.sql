-- What operators trust blindly: legal transitions, an event for each, workers that show themselves, and what operators decide.

-- A submission may be set aside by an operator.
alter table submissions
    drop constraint submissions_state_check,
    add constraint submissions_state_check
        check (state in ('queued', 'scored', 'rejected', 'copy', 'superseded', 'quarantined')),
    add column set_aside boolean not null            -- judged no more: by quarantine, or by a ban
        generated always as (state = 'quarantined' or code is not distinct from 1004) stored;

-- Pages and the public table are read in the order of an index; what an operator set aside is found among very many.
drop index submissions_by_state;
create index submissions_by_commit on submissions (state, commit_block, tiebreak, id);
create index submissions_by_state on submissions (state, id);
create index submissions_scored on submissions (hotkey) where state = 'scored';
create index submissions_set_aside on submissions (id) where set_aside;

-- Where and since when it runs, and why it was parked.
alter table evaluations
    add column host        text,                     -- of the worker that holds it, or held it last
    add column claimed_at  timestamptz,              -- of the last claim
    add column fresh_since timestamptz,              -- when an operator gave it a fresh budget
    add column parked_why  text check (parked_why in ('budget', 'not_public', 'round_closed', 'operator'));
update evaluations
set parked_why = case
    when reason = 'The round closed before it was judged.' then 'round_closed'
    when code between 1000 and 1999 then 'not_public'
    else 'budget'
end
where state = 'parked';
alter table evaluations add constraint parked_says_why check ((state = 'parked') = (parked_why is not null));
create unique index evaluations_one_open on evaluations (submission_id, round) where state in ('queued', 'running');
create index evaluations_stuck on evaluations (id) where state = 'parked' and parked_why in ('budget', 'operator');
create index evaluations_by_host on evaluations (host, claimed_at) where host is not null;
create index evaluations_by_receipt on evaluations (receipt_hash) where receipt_hash is not null;
create index evaluations_finished on evaluations (queue, finished_at desc) where state in ('scored', 'rejected');

create view rounds_with_pending as
select r.*, (select count(*) from evaluations e where e.round = r.round and e.state in ('queued', 'running'))::integer as pending
from rounds r;

-- An event says of what: until now a verdict's one event stood for both.
alter table events add column kind text check (kind in ('submission', 'evaluation'));
update events set kind = case
    when evaluation_id is not null and (to_state in ('running', 'parked') or from_state in ('running', 'parked') or to_state = 'queued')
        then 'evaluation'
    else 'submission'
end;
insert into events (at, kind, actor, submission_id, evaluation_id, from_state, to_state, code, detail)
select finished_at, 'evaluation', coalesce(worker, 'worker'), submission_id, id, 'running', state, code, reason
from evaluations
where state in ('scored', 'rejected')
order by finished_at, id;
alter table events alter column kind set not null;
alter table events
    add column host   text,                          -- where it happened, if on a worker
    add column cause  text;                          -- of a failure that nobody foresaw: equal ones are the same failure
update events set host = '' where kind = 'evaluation' and actor not in ('validator', 'dispatcher');  -- workers': where was not kept
create index events_by_cause on events (cause) where cause is not null;
create index events_at on events (at);
create index events_failures on events (submission_id, at) where code between 2000 and 2999;

-- What a submission's daily budget has lost: our failures of 24 hours, of those since an operator last gave it a fresh one.
create function failures_today(submission bigint) returns integer language sql stable
return (
    select count(*)
    from events
    where submission_id = submission and kind = 'evaluation' and code between 2000 and 2999
      and at > greatest(now() - interval '24 hours', (select max(fresh_since) from evaluations where submission_id = submission))
);

-- The state machine, as voice_api/db/states.py declares it; a test holds the two equal.
create table transitions (
    kind        text not null check (kind in ('submission', 'evaluation')),
    from_state  text not null,
    to_state    text not null,
    primary key (kind, from_state, to_state)
);
insert into transitions (kind, from_state, to_state) values
    ('submission', 'queued', 'scored'), ('submission', 'queued', 'rejected'), ('submission', 'queued', 'copy'),
    ('submission', 'queued', 'superseded'), ('submission', 'queued', 'quarantined'),
    ('submission', 'scored', 'rejected'), ('submission', 'scored', 'copy'), ('submission', 'scored', 'superseded'),
    ('submission', 'scored', 'quarantined'),
    ('submission', 'quarantined', 'queued'), ('submission', 'quarantined', 'scored'), ('submission', 'quarantined', 'rejected'),
    ('submission', 'quarantined', 'superseded'),
    ('submission', 'rejected', 'queued'),
    ('evaluation', 'queued', 'running'), ('evaluation', 'queued', 'parked'),
    ('evaluation', 'running', 'queued'), ('evaluation', 'running', 'scored'), ('evaluation', 'running', 'rejected'),
    ('evaluation', 'running', 'parked'),
    ('evaluation', 'parked', 'queued');

create function check_transition() returns trigger language plpgsql as $$
begin
    if not exists (
        select from transitions t where t.kind = tg_argv[0] and t.from_state = old.state and t.to_state = new.state
    ) then
        raise exception 'an % cannot go from % to %', tg_argv[0], old.state, new.state
            using errcode = 'check_violation', constraint = 'legal_transitions';
    end if;
    return new;
end $$;
create trigger legal_transitions before update of state on submissions
    for each row when (old.state is distinct from new.state) execute function check_transition('submission');
create trigger legal_transitions before update of state on evaluations
    for each row when (old.state is distinct from new.state) execute function check_transition('evaluation');

-- No transition without its event in the same transaction; looked at when the transaction ends.
create function check_event() returns trigger language plpgsql as $$
begin
    if not exists (
        select from events e
        where e.kind = tg_argv[0]
          and case tg_argv[0] when 'submission' then e.submission_id else e.evaluation_id end = new.id
          and e.from_state = old.state and e.to_state = new.state
          and e.xmin::text = (pg_current_xact_id()::xid)::text
    ) then
        raise exception '% % went to % without an event', tg_argv[0], new.id, new.state
            using errcode = 'check_violation', constraint = 'every_transition_is_an_event';
    end if;
    return null;
end $$;
create constraint trigger every_transition_is_an_event after update of state on submissions deferrable initially deferred
    for each row when (old.state is distinct from new.state) execute function check_event('submission');
create constraint trigger every_transition_is_an_event after update of state on evaluations deferrable initially deferred
    for each row when (old.state is distinct from new.state) execute function check_event('evaluation');

-- Workers show themselves; one that was not seen for a while is dead.
create table workers (
    name           text primary key,
    host           text not null,
    queue          text not null check (queue in ('cpu', 'gpu')),
    started_at     timestamptz not null default now(),
    seen_at        timestamptz not null default now(),
    draining       boolean not null default false,
    evaluation_id  bigint references evaluations (id)
);
create index workers_by_seen on workers (seen_at);

create table drained_hosts (
    host    text primary key,
    actor   text not null,
    reason  text not null,
    at      timestamptz not null default now()
);

create table bans (
    hotkey  text primary key,
    actor   text not null,
    reason  text not null,
    at      timestamptz not null default now()
);

-- What operators did that is no transition: draining a host, banning a hotkey.
create table operator_actions (
    id      bigint generated always as identity primary key,
    at      timestamptz not null default now(),
    actor   text not null,
    verb    text not null,
    target  text not null,
    reason  text
);

-- A recording that a miner asked to have judged by the same code.
create table validations (
    id           uuid primary key default gen_random_uuid(),
    hotkey       text not null,
    text         text not null,
    description  text not null,
    queue        text not null default 'cpu' check (queue in ('cpu', 'gpu')),
    sha256       text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    upload       bytea,                              -- kept until it was judged
    state        text not null default 'queued' check (state in ('queued', 'running', 'done', 'failed')),
    attempt      integer not null default 0 check (attempt >= 0),
    due_at       timestamptz not null default now(),
    token        uuid,
    worker       text,
    lease_until  timestamptz,
    score        integer check (score between 0 and 1000000),
    gate         text,
    metrics      jsonb,
    utilities    jsonb,
    reasons      jsonb,
    code         integer,
    reason       text,
    created_at   timestamptz not null default now(),
    finished_at  timestamptz,
    check ((state = 'running') = (token is not null)),
    check ((state = 'running') = (lease_until is not null)),
    check ((state = 'done') = (score is not null)),
    check ((state in ('done', 'failed')) = (finished_at is not null)),
    check (state <> 'failed' or code is not null)
);
create index validations_due on validations (queue, due_at, created_at) where state = 'queued';
create index validations_leased on validations (lease_until) where state = 'running';
create index validations_by_hotkey on validations (hotkey, created_at desc);
create index validations_open on validations (hotkey) where state in ('queued', 'running');

-- The answer to a write, so that the same write sent again changes nothing and is answered alike.
create table idempotency (
    hotkey   text not null,
    key      text not null,
    request  text not null,                          -- sha256 of method, target and body
    status   integer not null,
    answer   text not null,
    location text,
    at       timestamptz not null default now(),
    primary key (hotkey, key)
);
create index idempotency_at on idempotency (at);
