-- Who may do what. Each process logs in as a member of one of these; none may define, own, truncate or grant anything.
-- Applied again, it leaves exactly what stands here. Whoever writes states also reads `transitions` and `events`: triggers look there.
do $$
declare
    role text;
begin
    foreach role in array array['voice_api', 'voice_worker', 'voice_validator', 'voice_reader', 'voice_backup'] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I', role);
        end if;
        execute format('alter role %I nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit', role);
    end loop;
end $$;

revoke create on schema public from public;
revoke all on all tables in schema public from public, voice_api, voice_worker, voice_validator, voice_reader, voice_backup;
revoke all on all sequences in schema public from public, voice_api, voice_worker, voice_validator, voice_reader, voice_backup;
revoke all on schema public from voice_api, voice_worker, voice_validator, voice_reader, voice_backup;
grant usage on schema public to voice_api, voice_worker, voice_validator, voice_reader, voice_backup;

grant select on
    alembic_version, transitions, registry, neurons, rounds, rounds_with_pending, submissions, submissions_with_score, evaluations,
    evaluation_groups, samples, events, near_copies, near_copies_shown, coldkeys
    to voice_api, voice_worker, voice_validator, voice_reader;

-- People and their dashboards: everything but what is nobody else's (recordings, and answers to signed requests).
grant select on ledger, duel_rounds, rolls, weight_attempts, audits, workers, drained_hosts, bans, operator_actions
    to voice_reader;
grant select (
    id, hotkey, queue, sha256, state, attempt, due_at, worker, lease_until, score, gate, code, reason, created_at, finished_at
) on validations to voice_reader;
grant select (
    submission_id, crowned, round, track, family, hotkey, queue, state, attempt, due_at, worker, lease_until, rate, seconds,
    speak_seconds, code, reason, created_at, deadline_at, expires_at, claimed_at, finished_at
) on speeches to voice_reader;

-- The API and the dispatcher: they write what the chain and the operator say, and return leases. They can write no verdict.
grant select on
    ledger, duel_rounds, rolls, weight_attempts, audits, workers, drained_hosts, bans, operator_actions, validations, idempotency,
    speeches
    to voice_api;
grant insert, update on registry, coldkeys to voice_api;
grant insert, delete on neurons, drained_hosts, bans to voice_api;
grant insert on submissions, events, operator_actions to voice_api;
grant update (state, code, reason, updated_at) on submissions to voice_api;
grant update (
    state, failures, fresh_since, moved, due_at, finished_at, parked_why, code, reason, token, worker, lease_until, stage, done, total
) on evaluations to voice_api;
grant insert (hotkey, text, description, queue, sha256, upload) on validations to voice_api;
grant update (state, due_at, finished_at, code, reason, token, worker, lease_until, upload) on validations to voice_api;
grant insert (
    text, description, submission_id, crowned, round, track, family, hotkey, repo, revision, content_hash, queue, deadline_at, expires_at
) on speeches to voice_api;
grant update (state, due_at, finished_at, code, reason, token, worker, lease_until) on speeches to voice_api;
grant delete on speeches to voice_api;
grant update (decision, decided_at) on near_copies to voice_api;
grant insert, update, delete on idempotency to voice_api;
-- Listeners' votes enter no score: who judges, and who folds, cannot even read them.
grant select, insert on votes to voice_api;

-- A worker, beside an untrusted model: it claims, and writes verdicts and what they mean for a submission.
grant select on workers, drained_hosts, validations, speeches to voice_worker;
-- Whoever knows what draws sketches, or many of them, can make a copy that seems none.
grant select on sketch_keys, sketches to voice_worker;
grant update (
    state, attempt, failures, due_at, claimed_at, finished_at, parked_why, code, reason, token, worker, host, lease_until, stage, done, total,
    score, stderr, profile, profile_hash, receipt, receipt_hash, signature, certificate, track, queue, moved
) on evaluations to voice_worker;
grant update (state, code, reason, family, content_hash, tensors_hash, copy_of, updated_at) on submissions to voice_worker;
grant insert on samples, evaluation_groups, events, near_copies to voice_worker;
grant insert, update (key_id, bands, sketch) on sketches to voice_worker;
grant insert, update, delete on workers to voice_worker;
grant update (
    state, attempt, due_at, finished_at, token, worker, lease_until, upload, score, gate, metrics, utilities, reasons, code, reason
) on validations to voice_worker;
grant update (
    state, attempt, due_at, claimed_at, finished_at, token, worker, lease_until, audio, rate, seconds, speak_seconds, code, reason
) on speeches to voice_worker;

-- The validator: it opens and closes rounds, and appends to its ledger, which nobody can change.
-- Workers and drained hosts are for its operator, whose doctor asks as it does.
grant select on ledger, duel_rounds, rolls, weight_attempts, audits, workers, drained_hosts to voice_validator;
grant insert on rounds, rolls, ledger, duel_rounds, weight_attempts, audits, events to voice_validator;
grant update (outcome, found, deviation, tolerance, audited_at) on audits to voice_validator;
grant update (
    block, outcome, error, mechanism, reveal_round, applied_block, next_block, refusal, opens_in
) on weight_attempts to voice_validator;
grant update (state, closed_at) on rounds to voice_validator;
grant insert (submission_id, round, track, queue, priority) on evaluations to voice_validator;
grant update (state, finished_at, parked_why, reason, token, lease_until) on evaluations to voice_validator;

-- Backups: every table, those too that are made later, but for those that no backup holds (voice_api/db/backup.py); nothing is written.
grant select on all tables in schema public to voice_backup;
revoke select on idempotency, sketch_keys, sketches, speeches, validations, workers from voice_backup;
