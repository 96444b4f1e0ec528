"""What stands in the way of an upgrade, judged row by row."""

from collections.abc import Sequence

import pytest

from neurons.doctor import upgrade_health
from neurons.doctor.finding import Health
from scoring.competition import Schedule, load
from scoring.types import Block, BlockHash, RoundNumber
from voice_api.db.rounds import Round
from voice_api.db.states import RoundState

KNOWN = ("0001", "0002", "0003")
SHIPPED = load()
FIRST = SHIPPED.version[0]
CHANGES = Schedule(
    name="changes", version=(FIRST, FIRST.model_copy(update={"from_round": 40, "cooldown_blocks": FIRST.cooldown_blocks + 1}))
)
ENDS = SHIPPED.model_copy(update={"until_round": 9})


@pytest.mark.parametrize(
    ("found", "health", "words"),
    [
        pytest.param(None, Health.OK, "no tables yet", id="a new database"),
        pytest.param("0003", Health.OK, "nothing is to be migrated", id="the newest"),
        pytest.param("0001", Health.OK, "2 to migrate up to 0003, after a restore point", id="behind"),
        pytest.param("0004", Health.FAILING, "of a newer release", id="ahead"),
    ],
)
def test_the_schema(found: str | None, health: Health, words: str) -> None:
    """Only one that nobody here knows stands in the way."""
    row = upgrade_health.schema(found, KNOWN)
    assert (row.health, words in row.value, bool(row.fix)) == (health, True, health is Health.FAILING)


def a_round(number: int, schedule: Schedule, competition_hash: str = "") -> Round:
    """A round that was opened under a schedule's rules."""
    return Round(
        round=RoundNumber(number),
        start_block=Block(0),
        block_hash=BlockHash("0x"),
        deadline_block=Block(1),
        competition_hash=competition_hash or schedule.at(RoundNumber(number)).hash,
        state=RoundState.OPEN,
        pending=1,
    )


@pytest.mark.parametrize(
    ("schedule", "newest", "health", "words"),
    [
        pytest.param(SHIPPED, None, Health.OK, "no round was opened", id="before the first round"),
        pytest.param(SHIPPED, a_round(9, SHIPPED), Health.OK, "no others to come", id="the same rules"),
        pytest.param(CHANGES, a_round(30, SHIPPED), Health.OK, "others from round 40 on, 10 away", id="others in time"),
        pytest.param(
            CHANGES, a_round(45, SHIPPED), Health.FAILING, "round 45 was opened under other rules", id="others too late"
        ),
        pytest.param(CHANGES, a_round(45, CHANGES), Health.OK, "no others to come", id="after a change"),
        pytest.param(SHIPPED, a_round(9, SHIPPED, "f" * 64), Health.FAILING, "under other rules", id="rules nobody here knows"),
        pytest.param(ENDS, a_round(10, ENDS), Health.FAILING, "ended with round 9", id="over"),
    ],
)
def test_the_rules(schedule: Schedule, newest: Round | None, health: Health, words: str) -> None:
    """A release whose rules began in the past parts its ledger from the others': it is told before."""
    row = upgrade_health.rules(schedule, newest)
    assert (row.health, words in row.value, "When rules change" in row.fix) == (health, True, health is Health.FAILING)


@pytest.mark.parametrize(
    ("names", "health", "value"),
    [
        pytest.param([], Health.OK, "none of ours is connected", id="nobody"),
        pytest.param(["psql", "voice api 1.2.0", "voice 1.2.0"], Health.OK, "voice 1.2.0, voice api 1.2.0", id="of this release"),
        pytest.param(
            ["voice api 1.1.9", "voice 1.2.0", "psql 18"],
            Health.WARNING,
            "voice api 1.1.9, and this release is 1.2.0",
            id="of another",
        ),
    ],
)
def test_who_is_connected(names: Sequence[str], health: Health, value: str) -> None:
    """Processes of another release are to be stopped first; a stranger's connection says nothing."""
    row = upgrade_health.processes(names, "1.2.0")
    assert (row.health, row.value) == (health, value)
