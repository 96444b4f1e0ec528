"""A database of a given size, made inside PostgreSQL: what years of a subnet leave behind."""

from voice_api.db.database import Connection

REGISTERED = 256
"""Neurons of the subnet."""
COMMITS_PER_HOTKEY = 5
"""All but the last are superseded."""
ENTRIES_PER_ROUND = 24
SAMPLES = 44

_FILL = """
set local session_replication_role = replica;  -- no triggers, no foreign keys looked up: only the rows matter here
insert into neurons (hotkey, uid, coldkey, registered_at_block, immune_until_block)
select 'hotkey-' || n, n, 'coldkey-' || n, n, n + 5000 from generate_series(0, {registered} - 1) n;
insert into registry (netuid, block, block_hash) values (1, 1, '0x' || repeat('1', 64));
insert into rounds (round, start_block, block_hash, deadline_block, competition_hash, state, closed_at)
select n, n * 360, '0x' || lpad(to_hex(n), 64, '0'), n * 360 + 720, repeat('c', 64), 'closed', now()
from generate_series(1, greatest(1, {evaluations} / {entries}) + 1) n;
insert into submissions (hotkey, commit_block, tiebreak, public_key, commitment, repo, revision, tag, refused, state, code, reason,
                         content_hash, tensors_hash)
select 'hotkey-' || (n % hotkeys), n, lpad(to_hex(n), 64, '0'), lpad(to_hex(n), 64, 'a'), 'v2:lab/voice-' || n, 'lab/voice-' || n,
       lpad(to_hex(n), 40, 'b'), lpad(to_hex(n), 32, 'c'), false,
       case when n < total - hotkeys then 'superseded' when n % 7 = 3 then 'rejected' when n % 20 = 9 then 'queued' else 'scored' end,
       case when n >= total - hotkeys and n % 7 = 3 then 1103 end, case when n >= total - hotkeys and n % 7 = 3 then 'a file' end,
       md5(n::text) || md5('c' || n), md5('t' || n) || md5(n::text)
from (select {submissions} as total, greatest(1, {submissions} / {commits}) as hotkeys) size, generate_series(0, {submissions} - 1) n;
insert into evaluations (submission_id, round, queue, priority, state, attempt, score, stderr, profile, profile_hash, receipt,
                         receipt_hash, signature, certificate, finished_at, claimed_at, worker, host)
select {submissions} - n, 1 + n / {entries}, 'cpu', 0, 'scored', 1, 400000 + n % 400000, 20000, 'embedded', repeat('f', 64), '{{"v": 1}}',
       md5(n::text) || md5('r' || n), repeat('5', 128), '{{"host": "bench"}}', now() - n * interval '1 minute',
       now() - n * interval '1 minute' - interval '40 s', 'worker', 'host'
from generate_series(0, {evaluations} - 1) n;
insert into samples (evaluation_id, position, prompt_id, group_id, score, metrics, utilities, pcm_sha256, seconds, rate)
select e.id, p, 'p' || p, 'g' || p / 2, 500000, '{{"wer": 0.05, "ovrl": 3.1, "snr": 40.5, "pitch": 120.5, "rate": 3.9, "gap": 0.2}}',
       '{{"delivery": 0.5, "naturalness": 0.6, "intelligibility": 0.9}}', md5(e.id::text) || md5(p::text), 1.25, 22050
from evaluations e, generate_series(0, {samples} - 1) p;
insert into evaluation_groups (evaluation_id, position, group_id, kind, score)
select e.id, p, 'g' || p, 'single', 500000 from evaluations e, generate_series(0, {samples} / 2 - 1) p;
insert into events (kind, actor, submission_id, to_state) select 'submission', 'bench', id, 'queued' from submissions;
"""


async def fill(connection: Connection, submissions: int, samples: int) -> None:
    """At least so many submissions and samples, in an empty database at the newest schema; statistics are fresh afterwards."""
    evaluations = min(submissions, -(-samples // SAMPLES))
    statements = _FILL.format(
        registered=min(REGISTERED, max(1, submissions // COMMITS_PER_HOTKEY)),
        submissions=submissions,
        evaluations=evaluations,
        entries=ENTRIES_PER_ROUND,
        commits=COMMITS_PER_HOTKEY,
        samples=SAMPLES,
    )
    async with connection.transaction():
        await connection.execute(statements, timeout=900)
    await connection.execute("vacuum analyze", timeout=600)
