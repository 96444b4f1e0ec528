"""What must hold in the database once it is quiet again, whatever happened before."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from neurons.validator.ledger import ReceiptCheck
from scoring.competition import Schedule
from scoring.errors import PlatformError
from scoring.receipts.certificate import Trust
from scoring.receipts.receipt import ReceiptInvalid
from scoring.store.folder import FolderFiles
from scoring.types import RoundNumber, SubmissionId
from tests.integration.event_replay import replayed
from voice_api.db.database import Connection, Pool
from voice_api.db.rounds import EvaluationResult, Round, Rounds
from workers.evaluation.audio_store import EvidenceStore

_QUERIES: Mapping[str, str] = {
    "no lease is held, nothing waits": """
        select id, state from evaluations where state in ('queued', 'running') or token is not null or lease_until is not null""",
    "every evaluation has exactly one final event, and stands as that says": """
        select e.id, e.state, array_agg(v.to_state) filter (where v.to_state in ('scored', 'rejected', 'parked')) as said
        from evaluations e left join events v on v.evaluation_id = e.id and v.kind = 'evaluation'
        group by e.id, e.state
        having coalesce(array_agg(v.to_state) filter (where v.to_state in ('scored', 'rejected', 'parked')), '{}') <> array[e.state]""",
    "no miner is blamed": "select id, state, code, reason from submissions where state not in ('queued', 'scored')",
    "no verdict blames a miner": "select id, code, reason from evaluations where state = 'rejected'",
    "nothing is parked but by budget": "select id, parked_why from evaluations where state = 'parked' and parked_why <> 'budget'",
    "each is judged in the queue of its track, and was moved once at most": """
        select e.id, e.track, e.queue, count(v.id) as moves from evaluations e
        left join events v on v.evaluation_id = e.id and v.detail like 'the track %' and v.from_state = 'running'
        group by e.id, e.track, e.queue, e.state
        having count(v.id) > 1 or e.state = 'scored' and (e.track, e.queue) not in (('small', 'cpu'), ('large', 'gpu'))""",
    "no sample is there twice, none without its verdict": """
        select s.evaluation_id, count(*), count(distinct s.prompt_id) from samples s join evaluations e on e.id = s.evaluation_id
        group by s.evaluation_id, e.state having count(*) <> count(distinct s.prompt_id) or e.state <> 'scored'""",
    "every scored evaluation has its round's samples, all of them": """
        select e.id, e.round, count(s.prompt_id) from evaluations e left join samples s on s.evaluation_id = e.id
        where e.state = 'scored' group by e.id, e.round
        having count(s.prompt_id) <> (
            select json_array_length(o.receipt -> 'samples') from evaluations o where o.id = e.id) or count(s.prompt_id) = 0""",
}
"""By what holds: a query that finds what contradicts it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a validator needs to count the verdicts: its rules, whom it trusts, and the store of audio."""

    schedule: Schedule
    trust: Trust
    store: Path


async def violations(pool: Pool, asked: set[tuple[SubmissionId, int]], evidence: Evidence) -> Mapping[str, list[str]]:
    """By what should hold: what contradicts it, at most a few; everything that was looked at is named."""
    found: dict[str, list[str]] = {}
    async with pool.connection() as connection:
        for name, query in _QUERIES.items():
            found[name] = [str(dict(row)) for row in await connection.fetch(query)][:5]
        found["each pair that was asked for is there, and no other"] = await _pairs(connection, asked)
    found["the event log replays to the same state"] = [str(difference) for difference in await replayed(pool)][:5]
    found["a validator counts every verdict, and its audio is kept"] = await _uncounted(pool, evidence)
    return found


async def _pairs(connection: Connection, asked: set[tuple[SubmissionId, int]]) -> list[str]:
    there = [
        (row["submission_id"], row["round"]) for row in await connection.fetch("select submission_id, round from evaluations")
    ]
    return [f"{len(there)} rows for {len(asked)} pairs"] if len(there) != len(asked) or set(there) != asked else []


async def _uncounted(pool: Pool, evidence: Evidence) -> list[str]:
    wrong: list[str] = []
    for opened in await Rounds(pool).page():
        check = ReceiptCheck(opened, evidence.schedule.at(RoundNumber(opened.round)), evidence.trust)
        for result in await Rounds(pool).results(opened.round):
            if result.receipt is not None:
                wrong += _refused(opened, result, check, EvidenceStore(FolderFiles(evidence.store)))
    return wrong[:5]


def _refused(opened: Round, result: EvaluationResult, check: ReceiptCheck, store: EvidenceStore) -> list[str]:
    try:
        check.accepted_scores(result)
        for sample in result.samples:
            store.audio(sample["pcm_sha256"])
    except (ReceiptInvalid, PlatformError) as exc:
        return [f"round {opened.round}, evaluation {result.evaluation_id}: {exc}"]
    return []
