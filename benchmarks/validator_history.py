"""A subnet's history in PostgreSQL: so many miners, and rounds in which they were judged, made inside the database in seconds.

What the validator decides by is real: a ledger whose state came from its own fold, and commitments whose tags bind their content. What
it only passes by (old samples, old receipts) has the size of real ones.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scoring.competition import Competition
from scoring.model.fingerprint import tag_of
from scoring.ranking import fold
from scoring.ranking.fold import Judged, LedgerVerdict, RoundResult
from scoring.ranking.state import State
from scoring.studies.simulation.world import World
from scoring.types import Block, ContentHash, Hotkey, Micro, PublicKey, RoundNumber, TensorsHash, entrant
from voice_api.db.database import Connection, Pool
from voice_api.db.submissions import NewSubmission, Submissions

FAMILY, TRACK = "vits", "small"
OLD_COMMITS = 4
"""Of each miner, before the one that is judged."""
_GROUPS = 32
"""Of a round that is folded for the ledger's state."""
_ROUNDS = """
set local session_replication_role = replica;  -- no triggers, no foreign keys looked up: only the rows matter here
insert into neurons (hotkey, uid, coldkey, registered_at_block, immune_until_block)
select 'hotkey' || lpad(n::text, 4, '0'), n + 2, 'coldkey' || n, 1, 5000 from generate_series(0, {miners} - 1) n;
insert into registry (netuid, block, block_hash, owner_hotkey) values (1, 1, '0x' || repeat('1', 64), 'owner');
insert into submissions (hotkey, commit_block, tiebreak, public_key, commitment, repo, revision, tag, refused, state)
select 'hotkey' || lpad(n::text, 4, '0'), 10 + c, md5(n || 't' || c) || md5('t' || n), md5(n::text) || md5('k' || n), 'v2:lab/voice-' || n,
       'lab/voice-' || n, repeat('b', 40), md5(n || 'c' || c), false, 'superseded'
from generate_series(0, {miners} - 1) n, generate_series(1, {commits}) c;
insert into rounds (round, start_block, block_hash, deadline_block, competition_hash, state, closed_at)
select r, r * {blocks}, '0x' || lpad(to_hex(r), 64, '0'), r * {blocks} + 3 * {blocks}, '{rules}', 'closed',
       now() - (({rounds} - r) || ' hours')::interval
from generate_series(1, {rounds}) r;
insert into rolls (round, block, standing, gone)
select r, r * {blocks} + 300, '[]', '{{}}' from generate_series(1, {rounds}) r;
"""
_EVALUATIONS = """
set local session_replication_role = replica;
update submissions set state = 'scored', family = '{family}' where state = 'queued';
insert into evaluations (submission_id, round, track, queue, priority, state, attempt, score, stderr, profile, profile_hash, receipt,
                         receipt_hash, signature, certificate, finished_at, claimed_at, worker, host)
select newest.id, r, '{track}', 'cpu', k, 'scored', 1, 600000 + (r * 37 + k) % 100000, 20000, 'embedded', repeat('f', 64), '{{"v": 1}}',
       md5(r || 'e' || k) || md5('e' || r), repeat('5', 128), '{{"host": "bench"}}', now() - (({rounds} - r) || ' hours')::interval,
       now() - (({rounds} - r) || ' hours')::interval - interval '150 s', 'worker', 'host'
from generate_series(1, {rounds}) r, generate_series(0, {evaluations} - 1) k
join lateral (
    select id from submissions where hotkey = 'hotkey' || lpad(((r * {evaluations} + k) % {miners})::text, 4, '0') and state = 'scored'
) newest on true;
insert into samples (evaluation_id, position, prompt_id, group_id, score, metrics, utilities, pcm_sha256, seconds, rate)
select e.id, p, 'p' || p, 'g' || p, 500000, '{{"wer": 0.05, "ovrl": 3.1, "snr": 40.5, "pitch": 120.5, "rate": 3.9, "gap": 0.2}}',
       '{{"naturalness": 0.6, "intelligibility": 0.9}}', md5(e.id::text) || md5(p::text), 1.25, 22050
from evaluations e, generate_series(0, {samples} - 1) p;
insert into evaluation_groups (evaluation_id, position, group_id, kind, score)
select e.id, p, 'g' || p, 'single', 500000 from evaluations e, generate_series(0, {groups} - 1) p;
insert into events (kind, actor, submission_id, to_state) select 'submission', 'bench', id, 'queued' from submissions;
insert into events (kind, actor, submission_id, evaluation_id, from_state, to_state)
select 'evaluation', 'worker', submission_id, id, 'running', 'scored' from evaluations;
"""
_LEDGER = """
insert into ledger (validator, round, state_hash, previous, state, inputs, kings)
select $1, r, md5('s' || r) || md5(r::text), case when r = 1 then '' else md5('s' || (r - 1)) || md5((r - 1)::text) end,
       jsonb_set($2::jsonb, '{round}', to_jsonb(r)), jsonb_set($3::jsonb, '{start}', to_jsonb(r * $5::integer)), $4
from generate_series(1, $6::integer) r
"""
_DUELS = """
insert into duel_rounds (validator, round, track, opened, challenger, king, outcome, wealth, threshold, margin, lead, groups, rounds)
select $1, r, $2, r - r % 12, $3, $4, case r % 12 when 11 then 'futile' else 'open' end, 1.0, 20.0, 10000, 5000,
       32 * (1 + r % 12), 1 + r % 12
from generate_series(12, $5::integer) r
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How much happened."""

    miners: int = 256
    rounds: int = 1_000
    samples: int = 36

    @property
    def first_commit(self) -> Block:
        """The block of the first of the commitments that are judged."""
        return Block(1_000)


def hotkey_of(place: int) -> Hotkey:
    """A miner's name."""
    return Hotkey(f"hotkey{place:04d}")


def public_key(place: int) -> PublicKey:
    """A miner's key, which nobody has."""
    return PublicKey(hashlib.sha256(hotkey_of(place).encode()).hexdigest())


def content(place: int) -> ContentHash:
    """The content that a miner's commitment binds."""
    return ContentHash(hashlib.sha256(b"content" + hotkey_of(place).encode()).hexdigest())


def a_commitment(place: int, history: History) -> NewSubmission:
    """The commitment of a miner that is judged."""
    key = public_key(place)
    return NewSubmission(
        hotkey=hotkey_of(place),
        public_key=key,
        commit_block=Block(history.first_commit + place),
        tiebreak=f"{place:064x}",
        commitment=f"v2:lab/voice-{place}",
        repo=f"lab/voice-{place}",
        revision=key[:40],
        tag=tag_of(content(place), key),
    )


def folded(history: History, rules: Competition) -> State:
    """The ledger after a throne was filled, and after a round from which most others challenge its king."""
    state = State()
    for number in range(1, rules.track[0].throne.trial_rounds + 2):
        scores = World().draw(np.random.default_rng(number), np.full(history.miners, 0.65), _GROUPS).tolist()
        judged = [_judged(place, row, history) for place, row in enumerate(scores)]
        state = fold.fold(state, RoundResult(RoundNumber(number), Block(number * rules.round.blocks), judged), rules)
    return replace(state, round=RoundNumber(history.rounds))


def _judged(place: int, scores: Sequence[int], history: History) -> Judged:
    block = Block(history.first_commit + place)
    return Judged(
        entrant=entrant(hotkey_of(place), block),
        hotkey=hotkey_of(place),
        commit_block=block,
        tiebreak=f"{place:064x}",
        tensors=TensorsHash(content(place)[::-1]),
        track=TRACK,
        verdict=LedgerVerdict.SCORED,
        groups={f"g{number:02}": Micro(score) for number, score in enumerate(scores)},
        speed=100,
    )


async def fill(pool: Pool, validator: Hotkey, history: History, rules: Competition) -> None:
    """Make the history in an empty database at the newest schema; statistics are fresh afterwards."""
    sizes = {
        "miners": history.miners,
        "commits": OLD_COMMITS,
        "rounds": history.rounds,
        "evaluations": min(rules.track[0].evaluations, history.miners),
        "samples": history.samples,
        "groups": _GROUPS,
        "blocks": rules.round.blocks,
        "rules": rules.hash,
        "family": FAMILY,
        "track": TRACK,
    }
    async with pool.transaction() as connection:
        await connection.execute(_ROUNDS.format(**sizes), timeout=300)
    await Submissions(pool).add([a_commitment(place, history) for place in range(history.miners)])
    async with pool.transaction() as connection:
        await connection.execute(_EVALUATIONS.format(**sizes), timeout=300)
        await _ledger(connection, validator, history, rules)
    async with pool.connection() as connection:
        await connection.execute("vacuum analyze", timeout=300)


async def _ledger(connection: Connection, validator: Hotkey, history: History, rules: Competition) -> None:
    """The last state in each entry, a round's inputs in each, and a duel that goes on or ends in each."""
    state = folded(history, rules)
    track = state.of(TRACK)
    king = str(track.king)
    counted = {hashlib.sha256(str(number).encode()).hexdigest(): f"{number:064x}" for number in range(rules.track[0].evaluations)}
    inputs = {"start": 0, "block": None, "competition_hash": rules.hash, "counted": counted, "distrusted": {}, "gone": {}}
    everything = json.loads(json.dumps(inputs | {"unheard": [], "missing": []}))
    arguments = (validator, state.to_json(), everything, {TRACK: king}, rules.round.blocks, history.rounds)
    await connection.execute(_LEDGER, *arguments, timeout=300)
    other = track.challengers[0].entrant
    await connection.execute(_DUELS, validator, TRACK, other, king, history.rounds, timeout=300)
