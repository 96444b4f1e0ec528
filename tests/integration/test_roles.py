"""What each database role can do, which is its whole job, and what it may not, which is all else."""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from scoring.errors import Code, PlatformError
from scoring.types import Block, BlockHash, Hotkey, Micro, RoundNumber, SubmissionId, TensorsHash, Uid, entrant
from tests.builders.ledger import a_ledger_entry, a_weight_attempt
from tests.builders.speeches import BUDGET, TIMES, crown, scored
from tests.integration.event_replay import replayed
from tests.integration.forbidden import EVERYBODY, OWN
from voice_api.db import migrate, roles
from voice_api.db.audits import Audits, Drawn
from voice_api.db.database import Pool, open_pool, query_names, sql
from voice_api.db.evaluations import Verdict
from voice_api.db.health import NodeHealth, told_refusals
from voice_api.db.idempotency import Attempt, Idempotency, StoredAnswer
from voice_api.db.leaderboard import LeaderboardRows
from voice_api.db.ledger import Ledger
from voice_api.db.operations import Operations, Watch
from voice_api.db.pages import PageRows
from voice_api.db.processes import Workers, candidacy
from voice_api.db.queue import EvaluationQueue
from voice_api.db.registry import RegisteredNeuron, Registry, RegistrySnapshot
from voice_api.db.retention import KeptSamples
from voice_api.db.rounds import Eligibility, NewRound, RoundEntry, Rounds
from voice_api.db.speeches import Speeches, SpeechSound
from voice_api.db.states import AuditOutcome, QueueName, RoundState, VerdictState, WeightOutcome
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.db.validations import ValidationResult, Validations
from voice_api.db.weights import Weights

pytestmark = pytest.mark.usefixtures("alone_on_the_server")

OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
As = Callable[[str], Awaitable[Pool]]
LEASE, AT_ONCE = timedelta(minutes=15), timedelta(0)
LONG_AGO, SOON = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
ROLES = ("voice_api", "voice_worker", "voice_validator", "voice_reader")
ONLY = (
    dict.fromkeys(("queue.claim", "queue.move", "queue.finish", "queue.add_samples"), "worker")
    | dict.fromkeys(("queue.add_groups", "queue.settle_submission"), "worker")
    | dict.fromkeys(("processes.heartbeat", "processes.leave", "validations.claim", "validations.finish"), "worker")
    | dict.fromkeys(("copies.key", "copies.alike", "copies.leading", "copies.keep_sketch"), "worker")
    | dict.fromkeys(("speeches.claim", "speeches.finish", "speeches.hand_back"), "worker")
    | dict.fromkeys(
        ("rounds.open", "rounds.add_entries", "rounds.close", "rounds.keep_eligibility", "ledger.append"), "validator"
    )
    | dict.fromkeys(("weights.record", "weights.settle", "audits.draw", "audits.settle"), "validator")
    | dict.fromkeys(("submissions.add", "registry.advance", "registry.add_neurons", "validations.add", "speeches.add"), "api")
    | dict.fromkeys(("operations.ban", "operations.drain", "operations.undrain", "operations.note", "idempotency.keep"), "api")
)
"""What decides money or belongs to one kind of process can be run by that one alone."""
NEURON = RegisteredNeuron(hotkey=Hotkey("h"), uid=Uid(0), coldkey="c", registered_at_block=Block(0), immune_until_block=Block(9))


@pytest.fixture
async def as_role(database_url: str) -> AsyncIterator[As]:
    """Open a pool in which every connection has taken on a role."""
    await roles.apply(database_url)
    async with AsyncExitStack() as stack:

        async def opened(role: str) -> Pool:
            separator = "&" if "?" in database_url else "?"
            pool = await stack.enter_async_context(open_pool(f"{database_url}{separator}role={role}", size=4))
            async with pool.connection() as connection:
                assert await connection.fetchval("select current_user") == role
            return pool

        yield opened


async def test_api_does_its_job(
    as_role: As, pool: Pool, open_round: OpenRound, new_submission: Callable[..., NewSubmission]
) -> None:
    """The API records what the chain says, shows everything, and carries out what operators order."""
    await open_round(submissions=3)
    claim = await EvaluationQueue(pool).claim(QueueName.CPU, "w1", LEASE, "host-1")
    assert claim is not None
    api = await as_role("voice_api")
    assert await migrate.at_head(api)
    assert await Registry(api).replace(RegistrySnapshot(netuid=7, block=Block(1), block_hash=BlockHash("0x"), neurons=(NEURON,)))
    assert await Registry(api).has(NEURON.hotkey, LEASE)
    shown = Submissions(api)
    (old,), (new,) = [await shown.add([new_submission(hotkey=NEURON.hotkey, commit_block=block)]) for block in (100, 200)]
    assert {row.submission.id for row in await LeaderboardRows(api).rest(())} == {1, 2, 3, new}
    assert (await LeaderboardRows(api).version(Hotkey("v"))).block == 1
    assert (await shown.get(old)).hotkey == NEURON.hotkey
    assert len(await shown.evaluations(SubmissionId(1))) == len(await shown.events(SubmissionId(1))) - 2 == 1
    assert len(await EvaluationQueue(api).pending_page()) == len(await EvaluationQueue(api).page()) == 3
    assert await EvaluationQueue(api).samples(claim.evaluation_id) == ()
    assert await EvaluationQueue(api).durations(QueueName.CPU) == ()
    assert len(await Rounds(api).page()) == 1
    orders, who = Operations(api), {"actor": "o", "reason": "r"}
    await orders.park(claim.evaluation_id, **who)
    await orders.release(claim.evaluation_id, **who)
    await orders.requeue(claim.evaluation_id, **who)
    assert await orders.requeue_by_host("host-1", LONG_AGO, SOON, **who) == ()
    assert await orders.requeue_by_code(Code.WORKER_ERROR, LONG_AGO, SOON, **who) == ()
    await orders.quarantine(SubmissionId(2), **who)
    await orders.unquarantine(SubmissionId(2), **who)
    assert await orders.ban(NEURON.hotkey, **who) == (new,)
    await orders.unban(NEURON.hotkey, **who)
    await orders.drain("host-1", **who)
    await orders.undrain("host-1", **who)
    assert await orders.stuck() == ()
    assert await replayed(pool) == ()


async def test_api_keeps_answers_and_uploads(as_role: As) -> None:
    """The API keeps what was answered, and the recordings that people send, and can show them."""
    api = await as_role("voice_api")
    kept, hotkey = Idempotency(api), Hotkey("h")
    async with kept.begin(hotkey, "key", "1") as begun:
        assert isinstance(begun, Attempt)
        await begun.answer(StoredAnswer(201, "{}"))
    async with kept.begin(hotkey, "key", "1") as known:
        assert known == StoredAnswer(201, "{}")
    await kept.purge()
    asked = await Validations(api).add(hotkey, "Say this.", "An old voice", "ab" * 32, b"RIFF")
    assert (await Validations(api).get(asked)).text == "Say this."
    assert await Validations(api).expire(1) == 0


async def test_dispatcher_does_its_job_as_the_api(as_role: As, pool: Pool, database_url: str, open_round: OpenRound) -> None:
    """The dispatcher leads, returns leases that ran out, and counts what is due and who lives."""
    await open_round()
    await EvaluationQueue(pool).claim(QueueName.CPU, "w1", -LEASE)
    await Validations(pool).add(Hotkey("h"), "", "", "ab" * 32, b"RIFF")
    await Validations(pool).claim(QueueName.CPU, "w1", -LEASE)
    api = await as_role("voice_api")
    assert await EvaluationQueue(api).expire_leases(3) == 1
    assert await Validations(api).expire(0) == 1
    assert await EvaluationQueue(api).due_counts() == {QueueName.CPU: 1, QueueName.GPU: 0}
    assert await Validations(api).due_counts() == {QueueName.CPU: 0, QueueName.GPU: 0}
    assert await Workers(api).live(LEASE) == ()
    async with candidacy(f"{database_url}&role=voice_api") as candidate:
        assert await candidate.lead()
        assert await Watch(api).led()
    assert (await Watch(api).ages())[QueueName.GPU] == AT_ONCE
    assert await Watch(api).failures_today() == 1


async def test_worker_does_its_job(as_role: As, pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict]) -> None:
    """A worker shows itself, claims, reports progress, hands back, and writes each kind of verdict."""
    await open_round(submissions=4)
    worker = await as_role("voice_worker")
    queue, shown = EvaluationQueue(worker), Workers(worker)
    verdicts = (
        verdict(content_hash="1" * 64, tensors_hash="2" * 64, family="vits", track="small"),
        verdict(state=VerdictState.REJECTED, code=Code.LOAD_FAILED, reason="no", report=None),
        verdict(state=VerdictState.COPY, code=Code.COPY, copy_of=SubmissionId(1), report=None),
    )
    for given in verdicts:
        claim = await queue.claim(QueueName.CPU, "w1", LEASE, "host-1")
        assert claim is not None
        await shown.heartbeat("w1", "host-1", QueueName.CPU, claim.evaluation_id)
        await queue.renew(claim, LEASE, "judge", 1, 2)
        await queue.finish(claim, given)
    last = await queue.claim(QueueName.CPU, "w1", LEASE, "host-1")
    assert last is not None
    await queue.hand_back(last, Code.WORKER_ERROR, "", AT_ONCE, cause="boom")
    again = await queue.claim(QueueName.CPU, "w1", LEASE, "host-1")
    assert again is not None
    await queue.move(again, "vits", "small", QueueName.GPU)
    assert len(await Submissions(worker).tags()) == 4
    assert len(await Submissions(worker).by_tensors(TensorsHash("2" * 64))) == 1
    assert not await shown.host_drained("host-1")
    await shown.leave("w1")
    assert await replayed(pool) == ()


async def test_worker_judges_recordings(as_role: As, pool: Pool) -> None:
    """A worker claims recordings, and ends or returns them."""
    for _ in range(2):
        await Validations(pool).add(Hotkey("h"), "", "", "ab" * 32, b"RIFF")
    validations = Validations(await as_role("voice_worker"))
    first, second = [await validations.claim(QueueName.CPU, "w1", LEASE) for _ in range(2)]
    assert first is not None and second is not None
    await validations.renew(first, LEASE)
    await validations.finish(first, ValidationResult(score=Micro(1), gate=None, metrics={}, utilities={}, reasons=()))
    await validations.hand_back(second, AT_ONCE)
    again = await validations.claim(QueueName.CPU, "w1", LEASE)
    assert again is not None
    await validations.fail(again, Code.AUDIO_INVALID, "")


async def test_sentences_are_asked_spoken_and_forgotten(
    as_role: As,
    pool: Pool,
    new_submission: Callable[..., NewSubmission],
    new_round: Callable[..., NewRound],
    verdict: Callable[..., Verdict],
) -> None:
    """The API takes a sentence, and forgets it, a worker speaks it, and a reader sees that it was spoken."""
    commitment = new_submission(hotkey=Hotkey("h"))
    submission = await scored(pool, commitment, new_round(3), verdict())
    await crown(pool, Hotkey("v"), commitment, 3)
    asking, speaking = Speeches(await as_role("voice_api")), Speeches(await as_role("voice_worker"))
    assert await asking.kings(Hotkey("v")) == {"small": await asking.newest_of(Hotkey("h"))}
    voice = await asking.voice(submission, crowned=True)
    assert voice is not None
    asked = [await asking.add("Say this.", "", voice, budget=BUDGET, times=TIMES) for _ in range(3)]
    first, second, third = [await speaking.claim(QueueName.CPU, "w1", LEASE) for _ in asked]
    assert first is not None and second is not None and third is not None
    await speaking.renew(first, LEASE)
    await speaking.finish(first, SpeechSound(audio=b"fLaC", rate=1, seconds=1.0, speak_seconds=0.0))
    await speaking.fail(second, Code.GENERATION_FAILED, "")
    await speaking.hand_back(third, AT_ONCE, Code.WORKER_ERROR, "")
    assert ((await asking.get(asked[0])).id, await asking.audio(asked[0]), await asking.expire(3)) == (asked[0], b"fLaC", 0)
    assert (await asking.due_counts())[QueueName.CPU] == 1
    await asking.forget()
    async with (await as_role("voice_reader")).connection() as connection:
        assert len(await connection.fetch("select state, seconds, track from speeches")) == 3


async def test_validator_does_its_job(
    as_role: As,
    pool: Pool,
    new_submission: Callable[..., NewSubmission],
    new_round: Callable[..., NewRound],
    verdict: Callable[..., Verdict],
) -> None:
    """The validator opens a round, closes it with what is missing, folds it and records weights."""
    ids = await Submissions(pool).add([new_submission() for _ in range(3)])
    validator = await as_role("voice_validator")
    rounds, ledger, weights = Rounds(validator), Ledger(validator, Hotkey("v")), Weights(validator, Hotkey("v"))
    assert {candidate.id for candidate in await Submissions(validator).candidates()} == set(ids)
    assert len(await Submissions(validator).statuses((), RoundNumber(3))) == 0
    assert await rounds.open(new_round(3), [RoundEntry(one, None, QueueName.CPU, 0) for one in ids])
    for _ in range(2):
        claim = await EvaluationQueue(pool).claim(QueueName.CPU, "w1", LEASE)
    assert claim is not None
    await EvaluationQueue(pool).finish(claim, verdict())
    eligibility = Eligibility(Block(9), (entrant(claim.hotkey, claim.commit_block),), {})
    assert await rounds.close(RoundNumber(3), eligibility)
    assert await rounds.eligibility(RoundNumber(3)) == eligibility
    assert [result.samples == () for result in await rounds.results(RoundNumber(3))] == [True, False, True]
    entry = a_ledger_entry(3)
    await ledger.append(entry)
    assert (await ledger.head(), await ledger.waiting()) == (entry, ())
    with pytest.raises(PlatformError, match="name the tables' owner") as refused:
        await ledger.reset(RoundNumber(0))
    assert (refused.value.code, await ledger.head()) == (Code.SETTING_INVALID, entry)
    await weights.record(a_weight_attempt())
    assert await weights.latest() == await weights.latest(WeightOutcome.SET)
    audits = Audits(validator, Hotkey("v"))
    await audits.draw(
        RoundNumber(3),
        [Drawn(receipt_hash="aa", round=RoundNumber(3), entrant=eligibility.eligible[0], service="5S", host="host-1", level=2)],
    )
    await audits.settle("aa", AuditOutcome.DIFFERS, [])
    assert (await audits.next(), await audits.distrusted()) == (None, {"5S": 3})
    assert await replayed(pool) == ()
    health = NodeHealth(validator)
    moment, round_now = await health.moment(lambda: LONG_AGO), await health.round()
    assert (moment.role, moment.revision, round_now and round_now.state) == ("voice_validator", migrate.head(), RoundState.CLOSED)
    pages = PageRows(validator)
    assert (await pages.workers(), await pages.incidents(), await Workers(validator).live(LEASE)) == ((), {}, ())


async def test_reader_does_its_job(as_role: As, pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict]) -> None:
    """A reader reads what was judged and why, and can replay the events."""
    await open_round()
    claim = await EvaluationQueue(pool).claim(QueueName.CPU, "w1", LEASE)
    assert claim is not None
    await EvaluationQueue(pool).finish(claim, verdict())
    reader = await as_role("voice_reader")
    assert await replayed(reader) == ()
    assert len(await LeaderboardRows(reader).rest(())) == len(await EvaluationQueue(reader).samples(claim.evaluation_id)) - 1 == 1
    assert (await EvaluationQueue(reader).receipt("e" * 64)).evaluation_id == claim.evaluation_id
    assert len(await Rounds(reader).results(RoundNumber(3))) == len(await EvaluationQueue(reader).depths()) == 1
    assert await Operations(reader).stuck() == ()
    assert await Workers(reader).live(LEASE) == ()
    assert await Watch(reader).validations()
    async with reader.connection() as connection:
        assert await connection.fetch("select id, state from validations") == []


@pytest.mark.parametrize("role", [pytest.param(role, id=role) for role in ROLES])
async def test_what_a_role_may_not_do(as_role: As, role: str) -> None:
    """Nothing outside its job: PostgreSQL refuses by its right, not by anything about the rows."""
    pool = await as_role(role)
    allowed = []
    for deed, statement in (EVERYBODY | OWN[role]).items():
        async with pool.connection() as connection:
            try:
                await connection.execute(statement)
            except asyncpg.InsufficientPrivilegeError:
                continue
        allowed.append(deed)
    assert allowed == []


async def test_every_table_is_somebodys(as_role: As) -> None:
    """No table is forgotten: the API reads every one, but sketches and what draws them, which workers read."""
    pool = await as_role("voice_api")
    async with pool.connection() as connection:
        rows = await connection.fetch(
            """select relname, has_table_privilege('voice_worker', oid, 'select') as is_read from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') and not has_table_privilege(oid, 'select')"""
        )
    assert {row["relname"]: row["is_read"] for row in rows} == {"sketches": True, "sketch_keys": True}


@pytest.mark.parametrize("role", ["voice_api", "voice_reader", "voice_validator"])
async def test_who_clears_sounds_away_needs_only_to_read(as_role: As, role: str) -> None:
    """Whoever may see ledgers, duels and audits may ask what is kept for good; a worker may not."""
    sounds = KeptSamples(await as_role(role))
    assert (await sounds.known(), await sounds.reasons(["a" * 64], worst=3)) == (False, {})
    with pytest.raises(PlatformError) as refused:
        await KeptSamples(await as_role("voice_worker")).reasons(["a" * 64], worst=3)
    assert refused.value.code is Code.SETTING_INVALID


async def test_the_doctor_says_what_its_login_may_not_read(as_role: As) -> None:
    """A worker's may read no ledger: that is a setting to mend, and no end of the program."""
    with pytest.raises(PlatformError, match="voice db roles") as refused, told_refusals():
        await NodeHealth(await as_role("voice_worker")).head(Hotkey("v"))
    assert refused.value.code is Code.SETTING_INVALID


async def test_every_query_is_somebodys(as_role: As) -> None:
    """Each query can be run by some role, so that no process needs the owner's rights; what decides money, by one."""
    runners: defaultdict[str, set[str]] = defaultdict(set)
    owners = ("backup.", "databases.", "demo.", "migrations.", "logins.")
    queries = {name for name in query_names() if not name.startswith(owners)}
    for role in ROLES:
        async with (await as_role(role)).connection() as connection:
            for name in sorted(queries):
                with suppress(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(f"explain (generic_plan) {sql(name)}")
                    runners[name].add(role.removeprefix("voice_"))
    assert queries - runners.keys() == {"ledger.reset"}, "the tables' owner alone, by hand"
    assert {name: runners[name] for name in ONLY} == {name: {role} for name, role in ONLY.items()}
