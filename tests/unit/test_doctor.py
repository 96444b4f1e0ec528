"""What the doctor says of a reading: pure judgements, row by row, and how looks that fail are told."""

import asyncio
import re
import threading
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from neurons.cli.doctor.commands import show
from neurons.cli.doctor.node import Node
from neurons.cli.doctor.roles import answer_checks_of, checks_of
from neurons.cli.doctor.suggest import suggested
from neurons.cli.options import ChainOptions
from neurons.doctor import chain_health, database_health, host_health, service_health, validator_health, words
from neurons.doctor.catalogue import CATALOGUE, CheckName
from neurons.doctor.chain_health import ChainView
from neurons.doctor.examine import OWNERS, Check, Once, by_cause, examine, in_thread
from neurons.doctor.finding import Finding, Health, failing, is_healthy, well
from neurons.doctor.host_health import DiskSpace
from neurons.doctor.role import Role
from scoring.competition import load
from scoring.errors import Code, InfrastructureFault, PlatformError
from scoring.types import Block, Hotkey, RoundNumber
from tests.builders.addresses import ALICE
from tests.builders.chain import a_metagraph, a_neuron
from tests.builders.ledger import a_weight_attempt, a_weight_plan
from voice_api.db.health import LedgerHead, RoundTimes, ServerHealth, TrackProgress
from voice_api.db.processes import WorkerRow
from voice_api.db.states import Mechanism, QueueName, RefusalClass, RoundState, WeightOutcome, WorkerDuty
from voice_api.errors import DatabaseUnavailable
from voice_api.runtime.redis_state import RedisState
from voice_api.schemas.readiness import Part, Readiness

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GIB = 1 << 30
ME = Hotkey("me")


def healths(findings: Sequence[Finding]) -> dict[str, str]:
    """How each row is."""
    return {each.check.value: each.health.value for each in findings}


@pytest.mark.parametrize("name", CheckName)
def test_every_row_is_explained_and_leads_somewhere(name: CheckName) -> None:
    """One sentence, and where the documents are named a heading that is there."""
    entry = CATALOGUE[name]
    assert entry.meaning.endswith(".") and len(entry.meaning.split()) > 3
    if entry.see:
        page, _, anchor = entry.see.partition("#")
        headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_outage_belongs_to_rows_that_there_are() -> None:
    """And each row is explained."""
    assert set(CATALOGUE) == set(CheckName)
    assert {name for names in OWNERS.values() for name in names} <= set(CheckName)


def a_view(age: float = 5.0, **overrides: Any) -> ChainView:
    """A chain of twelve-second blocks whose newest is some seconds old."""
    fields: dict[str, Any] = {"head": Block(700), "finalized": Block(697), "block_seconds": 12.0, "asked_at": NOW}
    return ChainView(**{**fields, "head_at": NOW - timedelta(seconds=age), **overrides})


@pytest.mark.parametrize(
    ("view", "chain", "clock", "words"),
    [
        pytest.param(a_view(), "ok", "ok", "block 700, 5 s old, 3 not final yet", id="well"),
        pytest.param(a_view(47), "ok", "ok", "47 s old", id="three blocks missed"),
        pytest.param(
            a_view(300, moved=False), "failing", "unknown", "it stands still: block 700 is 5 min old", id="stands still"
        ),
        pytest.param(
            a_view(300, moved=True), "ok", "failing", "this host's clock is 5 min ahead of the chain's", id="clock ahead"
        ),
        pytest.param(a_view(-300), "ok", "failing", "this host's clock is 5 min behind the chain's", id="clock behind"),
        pytest.param(a_view(finalized=Block(600)), "warning", "ok", "no block was finalized for 20 min", id="not final"),
    ],
)
def test_chain_and_clock(view: ChainView, chain: str, clock: str, words: str) -> None:
    """An old block is the chain's fault if no other comes, and the clock's if one does."""
    found = chain_health.head(view)
    assert healths(found) == {"chain": chain, "clock": clock}
    assert any(words in each.value for each in found)


@pytest.mark.parametrize(
    ("neuron", "rules", "expected"),
    [
        pytest.param({}, {}, "ok ok ok ok", id="well"),
        pytest.param(None, {}, "failing unknown unknown ok", id="not registered"),
        pytest.param({"stake": 5}, {"weights_min_stake": 10}, "ok failing ok ok", id="too little stake"),
        pytest.param({"validator_permit": False}, {}, "ok ok failing ok", id="no permit"),
        pytest.param({}, {"weights_version": 4}, "ok ok ok failing", id="an old version key"),
        pytest.param(
            {"validator_permit": False, "stake": 5}, {"weights_min_stake": 10, "owner_hotkey": ME}, "ok ok ok ok", id="the owner"
        ),
    ],
)
def test_who_may_set_weights(neuron: dict[str, Any] | None, rules: dict[str, Any], expected: str) -> None:
    """Registration, stake, permit and version key, each by itself, as the chain would refuse."""
    neurons = () if neuron is None else (a_neuron(hotkey=ME, **neuron),)
    found = chain_health.may_set_weights(a_metagraph(neurons=neurons, **rules), ME, version_key=3)
    assert healths(found) == dict(zip(("registration", "stake", "permit", "version key"), expected.split(), strict=True))
    assert all(each.fix for each in found if each.health is Health.FAILING)


def a_server(ahead: float = 0.0, **overrides: Any) -> ServerHealth:
    """A PostgreSQL that answered within a second, with our clock some seconds ahead of its."""
    asked = (NOW + timedelta(seconds=ahead - 0.5), NOW + timedelta(seconds=ahead + 0.5))
    fields: dict[str, Any] = {
        "at": NOW,
        "asked": asked,
        "version": "16.4 (Debian)",
        "role": "v",
        "follows": False,
        "revision": "0015",
    }
    return ServerHealth(**{**fields, **overrides})


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        pytest.param(a_server(), "ok ok ok", id="well"),
        pytest.param(a_server(follows=True), "failing ok ok", id="only follows"),
        pytest.param(a_server(revision=None), "ok failing ok", id="no tables"),
        pytest.param(a_server(revision="0014"), "ok failing ok", id="behind"),
        pytest.param(a_server(revision="0016"), "ok failing ok", id="of a newer release"),
        pytest.param(a_server(5), "ok ok warning", id="five seconds ahead"),
        pytest.param(a_server(-300), "ok ok failing", id="five minutes behind"),
    ],
)
def test_the_database_its_schema_and_its_clock(server: ServerHealth, expected: str) -> None:
    """Three rows of one question."""
    found = database_health.server(server, "0015")
    assert healths(found) == dict(zip(("database", "schema", "database clock"), expected.split(), strict=True))


def a_worker(host: str = "h1", queue: QueueName = QueueName.CPU, seen: float = 5.0, **overrides: Any) -> WorkerRow:
    """A worker that was seen some seconds ago."""
    at = NOW - timedelta(seconds=seen)
    fields: dict[str, Any] = {"name": host, "duty": WorkerDuty.ALL, "started_at": at, "draining": False, "evaluation_id": None}
    return WorkerRow(**{**fields, "host": host, "queue": queue, "seen_at": at, **overrides})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param([a_worker()], [("ok", "cpu: 1 on h1")], id="one"),
        pytest.param([], [("failing", "cpu: none lives; needed by small")], id="none"),
        pytest.param([a_worker(seen=300)], [("failing", "cpu: none lives; last seen on h1; needed by small")], id="gone"),
        pytest.param([a_worker(draining=True)], [("failing", "cpu: 1 drain; needed by small")], id="drains"),
        pytest.param(
            [a_worker(), a_worker("h2", seen=300)],
            [("warning", "cpu: 1 on h1; gone without a word: h2")],
            id="one of two is gone",
        ),
        pytest.param(
            [a_worker(), a_worker(queue=QueueName.GPU, seen=300)],
            [("ok", "cpu: 1 on h1"), ("ok", "gpu: none lives, and no track needs one")],
            id="of a queue that nobody needs",
        ),
    ],
)
def test_workers_by_queue(found: Sequence[WorkerRow], expected: list[tuple[str, str]]) -> None:
    """Each queue that a track needs has somebody who takes work."""
    rows = database_health.workers(found, {QueueName.CPU: ["small"]}, NOW)
    assert [(row.health.value, row.value) for row in rows] == expected


def some_progress(minutes: float | None, **overrides: Any) -> TrackProgress:
    """A track of which the oldest due evaluation waits for so long."""
    waits = None if minutes is None else timedelta(minutes=minutes)
    counts = dict.fromkeys(("total", "queued", "running", "scored", "rejected", "parked"), 0)
    return TrackProgress(**{**counts, "track": "small", "queue": QueueName.CPU, "waits": waits, **overrides})


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        pytest.param(some_progress(None), "ok", id="nothing waits"),
        pytest.param(some_progress(3), "ok", id="a while"),
        pytest.param(some_progress(20), "warning", id="long"),
        pytest.param(some_progress(90), "failing", id="for ever"),
        pytest.param(some_progress(90, running=1), "warning", id="long behind others"),
    ],
)
def test_queues_by_track(progress: TrackProgress, expected: str) -> None:
    """By the age of due work; behind others that run it only takes long."""
    assert healths(database_health.queues([progress])) == {"queues": expected}


@pytest.mark.parametrize(
    ("left", "total", "files", "expected"),
    [
        pytest.param(100 * GIB, 500 * GIB, None, "ok", id="room"),
        pytest.param(4 * GIB, 500 * GIB, None, "warning", id="little"),
        pytest.param(GIB // 2, 500 * GIB, None, "failing", id="none"),
        pytest.param(GIB, 4 * GIB, 9, "ok", id="a small disk"),
        pytest.param(GIB // 100, 4 * GIB, 9, "failing", id="a small disk that is full"),
        pytest.param(100 * GIB, 500 * GIB, 0, "failing", id="no inodes"),
    ],
)
def test_disk(left: int, total: int, files: int | None, expected: str) -> None:
    """By bytes on a large disk, by shares on a small one, and by files."""
    assert host_health.disk(Path("/store"), DiskSpace(total=total, left=left, files_left=files)).health.value == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [pytest.param(60, "ok"), pytest.param(20, "warning"), pytest.param(3, "failing"), pytest.param(-1, "failing")],
)
def test_certificates_end(days: int, expected: str) -> None:
    """Long before nothing counts any more."""
    found = validator_health.days_left("host-1", NOW + timedelta(days=days), NOW, "Renew it.")
    assert found.health.value == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param({}, "ok ok", id="well"),
        pytest.param({"knows_nonces": False}, "ok warning", id="emptied"),
        pytest.param({"read_only": True}, "failing ok", id="only follows"),
    ],
)
def test_redis(state: dict[str, bool], expected: str) -> None:
    """That it answers, and whether it was emptied."""
    fields: dict[str, Any] = {"version": "8", "used_megabytes": 1, "read_only": False, "knows_nonces": True}
    found = service_health.redis(RedisState(**fields | state))
    assert [each.health.value for each in found] == expected.split()


@pytest.mark.parametrize(
    ("away", "named", "expected"),
    [
        pytest.param({}, (), "ok", id="serves"),
        pytest.param({"redis": True}, (), "failing", id="cannot serve"),
        pytest.param({"workers": False}, (), "warning", id="serves without workers"),
        pytest.param({"redis": True}, ("redis",), "ok", id="another row says so"),
    ],
)
def test_api(away: dict[Any, bool], named: tuple[str, ...], expected: str) -> None:
    """By what it says of its own parts, once."""
    parts = tuple(Part(name=name, ready=False, needed=needed) for name, needed in away.items())
    assert service_health.api("http://api", Readiness(ready=not away, parts=parts), named).health.value == expected


@pytest.mark.parametrize(
    ("expected", "health"), [(None, "warning"), (Hotkey("other"), "failing"), (ME, "ok")], ids=["not set", "another", "the same"]
)
def test_the_hotkey_that_the_api_answers_as(expected: Hotkey | None, health: str) -> None:
    """Requests that are signed for another are refused."""
    assert service_health.api_hotkey(ME, expected).health.value == health


SEALED: dict[str, Any] = {"mechanism": Mechanism.SEALED, "reveal_round": 1}


@pytest.mark.parametrize(
    ("attempts", "age", "weights", "sealed", "burn"),
    [
        pytest.param([], 10, "unknown", "ok", "unknown", id="none yet"),
        pytest.param([a_weight_attempt()], 10, "ok", "ok", "ok", id="set"),
        pytest.param([a_weight_attempt()], 6_000, "failing", "ok", "ok", id="none for longer than the cutoff"),
        pytest.param(
            [a_weight_attempt(outcome=WeightOutcome.FAILED, refusal=RefusalClass.OURS)],
            10,
            "failing",
            "ok",
            "unknown",
            id="refused",
        ),
        pytest.param(
            [a_weight_attempt(outcome=WeightOutcome.FAILED, refusal=RefusalClass.PASSING), a_weight_attempt()],
            10,
            "warning",
            "ok",
            "ok",
            id="refused for a while",
        ),
        pytest.param([a_weight_attempt(outcome=WeightOutcome.PENDING, **SEALED)], 10, "ok", "failing", "ok", id="never opened"),
        pytest.param(
            [a_weight_attempt(outcome=WeightOutcome.EXPIRED, **SEALED), a_weight_attempt()], 10, "ok", "failing", "ok", id="void"
        ),
        pytest.param(
            [
                a_weight_attempt(outcome=WeightOutcome.PENDING, mechanism=Mechanism.SEALED, reveal_round=10**9),
                a_weight_attempt(outcome=WeightOutcome.EXPIRED, **SEALED),
            ],
            10,
            "ok",
            "failing",
            "ok",
            id="void, and sealed anew",
        ),
    ],
)
def test_weights(attempts: list[Any], age: int, weights: str, sealed: str, burn: str) -> None:
    """The last attempt, the chain's memory of it, and what the beacon opened."""
    metagraph = a_metagraph(block=Block(age), neurons=(a_neuron(hotkey=ME),))
    view = validator_health.WeightsView(attempts=attempts, attempted_at=NOW, metagraph=metagraph, neuron=metagraph.neuron(ME))
    found = (
        validator_health.weights(view, NOW),
        validator_health.sealed_weights(attempts, NOW),
        validator_health.burn(attempts),
    )
    assert [each.health.value for each in found] == [weights, sealed, burn]


def test_a_burn_of_everything_is_told() -> None:
    """It is no fault, and somebody wants to know."""
    plan = a_weight_plan()
    burned = a_weight_attempt(plan=type(plan)(plan.snapshot_hash, plan.vector, plan.lines, type(plan.burn)(1.0)))
    assert validator_health.burn([burned]).health is Health.WARNING


def a_round(**overrides: Any) -> RoundTimes:
    """An open round whose deadline is block 900."""
    fields: dict[str, Any] = {
        "round": RoundNumber(2),
        "start_block": Block(720),
        "deadline_block": Block(900),
        "state": RoundState.OPEN,
    }
    return RoundTimes(**{**fields, "opened_at": NOW, "closed_at": None, **overrides})


@pytest.mark.parametrize(
    ("found", "block", "expected"),
    [
        pytest.param(None, 800, "unknown", id="none yet"),
        pytest.param(a_round(), 800, "ok", id="open"),
        pytest.param(a_round(), 901, "failing", id="nobody closes it"),
        pytest.param(a_round(state=RoundState.CLOSED, closed_at=NOW), 901, "ok", id="closed"),
        pytest.param(a_round(), None, "ok", id="no chain"),
    ],
)
def test_the_newest_round(found: RoundTimes | None, block: int | None, expected: str) -> None:
    """A round that is over and still open has no validator."""
    row = validator_health.newest_round(found, [], None if block is None else Block(block))
    assert row.health.value == expected


def test_a_ledger_that_stands_still_fails() -> None:
    """Once two rounds more are over; without the chain nobody can say."""
    head = LedgerHead(round=RoundNumber(2), state_hash="aa", kings={}, folded_at=NOW - timedelta(hours=3))
    schedule = load()
    rows = [validator_health.fold(head, None, schedule, block, NOW).health.value for block in (Block(1_100), Block(9_000), None)]
    assert rows == ["ok", "failing", "ok"]


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        pytest.param({"wallet"}, (Role.MINER,), id="a wallet"),
        pytest.param({"wallet", "DATABASE_URL"}, (Role.VALIDATOR,), id="a wallet and a database"),
        pytest.param({"service.key"}, (Role.WORKER,), id="a service key"),
        pytest.param({"DATABASE_URL", "VOICE_API_HOTKEY"}, (Role.API,), id="a database and a hotkey to answer as"),
        pytest.param({"service.key", "DATABASE_URL", "wallet"}, (Role.VALIDATOR, Role.WORKER), id="several"),
    ],
)
def test_what_the_settings_of_a_host_suggest(
    there: set[str], expected: tuple[Role, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each role by what only it has."""
    given = {"DATABASE_URL": "postgresql://host/x", "VOICE_API_HOTKEY": ALICE}
    for name, value in given.items():
        monkeypatch.setenv(name, value if name in there else "")
    monkeypatch.setenv("BT_WALLET_PATH", str(tmp_path))
    monkeypatch.setenv("VOICE_DATA", str(tmp_path))
    if "wallet" in there:
        (tmp_path / "default" / "hotkeys").mkdir(parents=True)
        (tmp_path / "default" / "hotkeys" / "defaultpub.txt").write_text(f'{{"ss58Address": "{ALICE}"}}', encoding="utf-8")
    if "service.key" in there:
        (tmp_path / "service.key").touch()
    assert suggested(ChainOptions()) == expected


def of(name: CheckName, look: Any, *names: CheckName, seconds: float = 5.0) -> Check:
    """A check."""
    return Check(names=(name, *names), look=look, within=timedelta(seconds=seconds))


async def raises(error: BaseException) -> Sequence[Finding]:
    """A look that ends with an error."""
    raise error


async def test_an_outage_is_named_once() -> None:
    """The row that it belongs to fails; what needed the same thing does not know."""
    outage = DatabaseUnavailable("PostgreSQL cannot be reached")
    found = await examine(
        [
            of(CheckName.DISPATCHER, lambda: raises(outage)),
            of(CheckName.DATABASE, lambda: raises(outage), CheckName.SCHEMA),
            of(CheckName.PYTHON, lambda: asyncio.sleep(0, [well(CheckName.PYTHON, "3.11")])),
        ]
    )
    assert healths(found) == {"python": "ok", "database": "failing", "schema": "unknown", "dispatcher": "unknown"}
    assert [each.code for each in found if each.health is Health.FAILING] == [Code.DATABASE_UNAVAILABLE]
    assert not is_healthy(found)


async def test_an_outage_that_no_other_row_names_is_the_rows_own() -> None:
    """A fault is never lost because the row that it belongs to is well, or was not asked."""
    found = await examine([of(CheckName.FOLD, lambda: raises(DatabaseUnavailable("too old")), CheckName.RECEIPTS)])
    assert healths(found) == {"fold": "failing", "receipts": "unknown"}


@pytest.mark.parametrize(
    ("error", "health", "words"),
    [
        pytest.param(PlatformError(Code.SETTING_INVALID, "no such"), "failing", "no such", id="named"),
        pytest.param(InfrastructureFault(Code.STORE_UNAVAILABLE, "gone"), "failing", "gone", id="infrastructure"),
        pytest.param(PermissionError(13, "Permission denied"), "failing", "Permission denied", id="the system's"),
        pytest.param(KeyError("pw"), "unknown", "an error of this program: KeyError", id="a bug"),
    ],
)
async def test_whatever_a_look_meets_becomes_a_row(error: Exception, health: str, words: str) -> None:
    """With its reason, and without a traceback; an error's own words only where they are safe to show."""
    (found,) = await examine([of(CheckName.STORE, lambda: raises(error))])
    assert (found.health.value, found.value.endswith(words), "pw" in found.value) == (health, True, False)


async def test_a_look_that_hangs_hangs_no_other() -> None:
    """It fails after its own time; a thread that never ends is left behind."""
    stuck = threading.Event()

    async def hang() -> Sequence[Finding]:
        return await in_thread(lambda: [well(CheckName.HUB, str(stuck.wait(30)))])

    found = await examine(
        [of(CheckName.HUB, hang, seconds=0.05), of(CheckName.PYTHON, lambda: asyncio.sleep(0, [well(CheckName.PYTHON, "3.11")]))]
    )
    stuck.set()
    assert [(each.check, each.health, each.value) for each in found] == [
        (CheckName.PYTHON, Health.OK, "3.11"),
        (CheckName.HUB, Health.FAILING, "no answer within 0.05 s"),
    ]


async def test_what_is_only_slow_is_not_known() -> None:
    """A row that asks several services blames none."""
    (found,) = await examine([of(CheckName.LEDGER, lambda: asyncio.sleep(9, []), seconds=0.01)])
    assert found.health is Health.UNKNOWN


async def test_what_several_read_is_read_once() -> None:
    """Also where the first of them gave up."""
    read: list[int] = []

    async def slow() -> int:
        read.append(1)
        await asyncio.sleep(0.05)
        return 7

    once = Once(slow)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(once(), 0.01)
    assert (await once(), await once(), read) == (7, 7, [1])


async def test_a_thread_gives_back_what_its_work_raised() -> None:
    """The error itself."""
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59.7, "1 min"), (3_600, "1 h"), (12_000, "3 h 20 min"), (-90_000, "1 d 1 h")]
)
def test_durations_are_short(seconds: float, said: str) -> None:
    """Two units at most, whichever way."""
    assert words.lasting(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize("role", Role)
def test_settings_that_are_missing_lead_to_the_command_that_asks_for_them(role: Role) -> None:
    """Of the first role that lacks one."""
    wrong = host_health.settings(["DATABASE_URL: it is not set"], role)
    assert (wrong.health, f"`voice init {role}` asks" in wrong.fix) == (Health.FAILING, True)
    assert host_health.settings([], "").health is Health.OK


@pytest.mark.parametrize("role", Role)
def test_what_is_looked_at_after_the_questions_is_the_doctors(role: Role) -> None:
    """By the same rows: a port that has to be free is the one thing that a running node has otherwise."""
    node = Node(ChainOptions(), None, AsyncExitStack())
    asked, all_of_it = (
        {name for check in checks for name in check.names} for checks in (answer_checks_of(role, node), checks_of((role,), node))
    )
    assert CheckName.SETTINGS in asked
    assert asked < all_of_it


def test_a_validator_that_does_not_run_is_one_failure() -> None:
    """Its open round names what follows from it: no fold, and no weights; those rows say so, and fail no more."""
    head = LedgerHead(round=RoundNumber(2), state_hash="aa", kings={}, folded_at=NOW - timedelta(hours=3))
    metagraph = a_metagraph(block=Block(9_000), neurons=(a_neuron(hotkey=ME),))
    view = validator_health.WeightsView(
        attempts=[a_weight_attempt()], attempted_at=NOW, metagraph=metagraph, neuron=metagraph.neuron(ME)
    )
    rows = [
        validator_health.newest_round(a_round(), [], Block(9_000)),
        validator_health.fold(head, None, load(), Block(9_000), NOW),
        validator_health.weights(view, NOW),
    ]
    assert [each.health for each in rows] == [Health.FAILING] * 3

    found = by_cause(rows)

    assert healths(found) == {"round": "failing", "fold": "unknown", "weights": "unknown"}
    assert found[0].value.endswith("; from it follows: fold, weights")
    assert {each.fix for each in found[1:]} == {"See the row `round`: this follows from it."}
    assert [each.value for each in found[1:]] == [each.value for each in rows[1:]]


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        pytest.param([CheckName.VERSION_KEY], "unknown", id="what the chain asks for"),
        pytest.param([CheckName.BURN], "failing", id="something else"),
        pytest.param([], "failing", id="nothing else"),
    ],
)
def test_weights_that_the_chain_refuses_fail_by_themselves_unless_it_is_known_why(failed: list[CheckName], expected: str) -> None:
    """By what the chain asks of who sets weights alone."""
    attempt = a_weight_attempt(outcome=WeightOutcome.FAILED, refusal=RefusalClass.OURS)
    view = validator_health.WeightsView(attempts=[attempt], attempted_at=NOW, metagraph=None, neuron=None)
    found = by_cause([*(failing(name, "no", "Do.") for name in failed), validator_health.weights(view, NOW)])
    assert found[-1].health.value == expected


@pytest.mark.parametrize("columns", [30, 40, 69, 70, 120])
def test_no_word_is_broken_however_narrow_the_terminal_is(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is known of each part stands on lines of its own where a table has no room."""
    monkeypatch.setenv("COLUMNS", str(columns))
    rows = [
        well(CheckName.DATABASE_CLOCK, "the same, to a second or two"),
        failing(CheckName.VERSION_KEY, "VOICE_VERSION_KEY is 2, and the subnet takes 3 or more", "Install the newest release."),
    ]
    show(rows)
    said = capsys.readouterr().out
    assert {"VOICE_VERSION_KEY", "failing", "second", "subnet", "release."} <= set(said.split())
    assert max(map(len, said.splitlines())) <= columns
    assert ("how it is" in said) == (columns >= 70)
