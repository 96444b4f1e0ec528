"""A checkpoint against the last submission: the validator's own duel."""

import pytest

from neurons.chain.commitment import first_allowed
from neurons.chain.types import CommitmentRecord, CommitmentStatus
from neurons.miner import duel as contest
from neurons.miner.client import cooldown_from
from neurons.miner.duel import DuelResult, Outlook
from neurons.miner.journal import ScoreRecord
from scoring.competition import load
from scoring.errors import Code
from scoring.ranking import duel
from scoring.ranking.duel import Duel
from scoring.types import MICRO, Block, BlockHash, Entrant, Hotkey, Micro, RoundNumber

COMPETITION = load().version[-1]
RULES = COMPETITION.track[0]
NOISE = (0.03, -0.02, 0.01, -0.03, 0.02, -0.01, 0.04, -0.04)


def scored(mean: float, turn: int = 0) -> ScoreRecord:
    """Eight groups around a mean, the noise turned by some places."""
    groups = tuple(Micro(round((mean + NOISE[(turn + place) % 8]) * MICRO)) for place in range(8))
    return ScoreRecord(
        model="model",
        block_hash=BlockHash("0x00"),
        rules=COMPETITION.hash,
        track=RULES.name,
        groups=groups,
        score=Micro(round(mean * MICRO)),
        stderr=Micro(0),
    )


def stand(mine: float, theirs: float, rounds: int, nth: int = 1, margin: float | None = None) -> DuelResult:
    """After some rounds."""
    challenger = [scored(mine, number) for number in range(rounds)]
    return contest.duel_result(challenger, [scored(theirs, number + 3) for number in range(rounds)], RULES, nth, margin)


def test_it_is_the_validators_own_duel() -> None:
    """The same steps on the same differences: wealth, threshold and the margin of a young king."""
    found = stand(0.72, 0.70, 2)
    state = Duel(
        challenger=Entrant("a"),
        king=Entrant("b"),
        opened=RoundNumber(0),
        margin=duel.margin(RULES.duel, 0, Micro(700_000)),
        threshold=duel.threshold(RULES.duel, 1),
    )
    for number in range(2):
        pairs = zip(scored(0.72, number).groups, scored(0.70, number + 3).groups, strict=True)
        state = duel.step(state, [a - b for a, b in pairs], RULES.duel)
    assert (found.evidence, found.needed, found.margin) == (state.wealth, state.threshold, state.margin / MICRO)
    assert (found.rounds, found.groups, round(found.lead, 6)) == (2, 16, 0.02)


@pytest.mark.parametrize(
    ("mine", "outlook"),
    [
        pytest.param(0.9, Outlook.BETTER, id="much better"),
        pytest.param(0.7, Outlook.NOT_BETTER, id="the same"),
        pytest.param(0.5, Outlook.NOT_BETTER, id="worse"),
    ],
)
def test_enough_rounds_decide(mine: float, outlook: Outlook) -> None:
    """Within the rounds that a duel has."""
    assert stand(mine, 0.7, RULES.duel.max_rounds).outlook is outlook


def test_nothing_is_decided_without_evidence() -> None:
    """One round of a small lead."""
    assert stand(0.73, 0.7, 1).outlook is Outlook.OPEN


def test_a_lead_within_the_margin_is_none() -> None:
    """The margin is what was asked for."""
    assert [stand(0.8, 0.7, 24, margin=least).outlook for least in (0.0, 0.2)] == [Outlook.BETTER, Outlook.NOT_BETTER]


def test_each_further_checkpoint_needs_more_evidence() -> None:
    """They share one error."""
    assert stand(0.8, 0.7, 1, nth=2).needed > stand(0.8, 0.7, 1, nth=1).needed


def test_prompts_are_of_the_pair_and_the_round() -> None:
    """Drawn anew for each, the same after a restart, and as long as a block hash."""
    drawn = [contest.prompts_of("a", "b", 0), contest.prompts_of("a", "b", 1), contest.prompts_of("a", "c", 0)]
    assert len({*drawn, contest.prompts_of("a", "b", 0)}) == 3
    assert all(len(bytes.fromhex(each.removeprefix("0x"))) == 32 for each in drawn)


def test_alone_it_must_be_worth_a_share() -> None:
    """The floor below which nothing is paid."""
    floor = RULES.pay.floor
    assert [contest.worth(scored(score), RULES) for score in (floor, floor - 0.01)] == [Outlook.BETTER, Outlook.NOT_BETTER]


def record(block: int) -> CommitmentRecord:
    """A commitment on the chain."""
    return CommitmentRecord(Hotkey("h"), Block(block), "v2:…", CommitmentStatus.PLAIN)


@pytest.mark.parametrize(
    ("on_chain", "known", "expected"),
    [
        pytest.param(None, {}, 0, id="never committed"),
        pytest.param(record(50), {}, 150, id="the API does not know it yet"),
        pytest.param(record(50), {Block(50): None}, 150, id="accepted"),
        pytest.param(record(50), {Block(50): Code.FILE_NOT_ALLOWED}, 150, id="refused after it was read"),
        pytest.param(record(50), {Block(50): Code.COMMITMENT_MALFORMED}, 0, id="refused unread"),
        pytest.param(record(50), {Block(10): None, Block(50): Code.TOO_EARLY}, 110, id="too early after an accepted one"),
        pytest.param(None, {Block(10): None}, 110, id="known to the API alone"),
    ],
)
def test_when_a_hotkey_may_commit_again(
    on_chain: CommitmentRecord | None, known: dict[Block, Code | None], expected: int
) -> None:
    """A hundred blocks after the last commitment that was not refused unread."""
    assert first_allowed(cooldown_from(on_chain, known), 100) == expected
