"""The miner's journal: whole lines only, one writer, and what all records say together."""

from pathlib import Path

import pytest

from neurons.miner.journal import (
    CheckpointJudged,
    ChosenModel,
    CommitmentVoid,
    Journal,
    JournalState,
    PublishingEnded,
    Record,
    ScoreRecord,
    StepBegun,
    StepTaken,
    TrialVerdict,
    decode,
    encode,
    remember,
)
from neurons.miner.publish_decision import End, Step
from scoring.errors import Code, PlatformError
from scoring.types import Block, BlockHash, ContentHash, Micro

CONTENT = ContentHash("ab" * 32)
FOLDER = Path("/models/step-1")
SCORED = ScoreRecord(
    model=CONTENT,
    block_hash=BlockHash("0x01"),
    rules="rules",
    track="small",
    groups=(Micro(1), Micro(2)),
    score=Micro(1),
    stderr=Micro(0),
)
CHOSEN = CheckpointJudged(
    look="look", folder=FOLDER, content=CONTENT, verdict=TrialVerdict.CHOSEN, against="lab/voice@1", why="better"
)
RECORDS: tuple[Record, ...] = (
    SCORED,
    CHOSEN,
    StepBegun(step=Step.COMMIT, content=CONTENT, repo="lab/voice-ab", block=Block(7)),
    StepTaken(Step.UPLOAD, CONTENT, "c" * 40),
    CommitmentVoid(CONTENT),
    PublishingEnded(CONTENT, End.DONE),
)


@pytest.mark.parametrize("record", [pytest.param(record, id=record.kind) for record in RECORDS])
def test_a_record_is_read_back_as_it_was_written(record: Record) -> None:
    """One line each."""
    line = encode(record)
    assert (decode(line), b"\n" in line) == (record, False)


def test_the_memory_outlives_the_process(tmp_path: Path) -> None:
    """Opened again it says the same."""
    path = tmp_path / "a" / "journal.jsonl"
    with Journal(path) as journal:
        for record in RECORDS:
            journal.write(record)
        before = journal.state
    with Journal(path) as journal:
        assert journal.state == before == remember(RECORDS)


def test_half_a_line_was_never_written(tmp_path: Path) -> None:
    """A kill in the middle of a write costs that record, and the next one does not stick to it."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(encode(CHOSEN) + b"\n" + encode(RECORDS[2])[:20])
    with Journal(path) as journal:
        assert journal.state.chosen == ChosenModel(content=CONTENT, folder=FOLDER)
        journal.write(CommitmentVoid(CONTENT))
    assert [decode(line) for line in path.read_bytes().splitlines()] == [CHOSEN, CommitmentVoid(CONTENT)]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """A second miner of the same hotkey is told why it cannot begin; once the first has ended it can."""
    path = tmp_path / "journal.jsonl"
    with Journal(path), pytest.raises(PlatformError, match="held by another miner"):
        Journal(path)
    Journal(path).__exit__()


@pytest.mark.parametrize(
    "content", [pytest.param(b"{}\n", id="another form"), pytest.param(b'{"kind": "scored"}\n', id="a record cut short")]
)
def test_a_damaged_journal_is_not_guessed_at(tmp_path: Path, content: bytes) -> None:
    """It decides whether something was committed: better none than a wrong one."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    with pytest.raises(PlatformError, match="no version wrote") as caught:
        Journal(path)
    assert caught.value.code is Code.SETTING_INVALID


def test_a_journal_that_cannot_be_opened_is_one_error(tmp_path: Path) -> None:
    """A folder in its place."""
    with pytest.raises(PlatformError, match="cannot be used"):
        Journal(tmp_path)


def test_how_far_a_publication_is() -> None:
    """From chosen to ended: begun with the first step, signed since the first commitment, unless the chain refused it."""
    first, second = (
        StepBegun(step=Step.COMMIT, content=CONTENT, repo="r", block=Block(7)),
        StepBegun(step=Step.COMMIT, content=CONTENT, repo="r", block=Block(90)),
    )
    known: list[Record] = [
        CHOSEN,
        StepBegun(step=Step.CREATE, content=CONTENT, repo="r", block=Block(5)),
        StepTaken(Step.UPLOAD, CONTENT, "rev"),
    ]
    further: tuple[list[Record], ...] = ([], [first], [first, second], [first, CommitmentVoid(CONTENT)])
    steps = [remember([*known, *more]).chosen for more in further]
    uploaded = ChosenModel(content=CONTENT, folder=FOLDER, begun=True, revision="rev")
    signed = ChosenModel(content=CONTENT, folder=FOLDER, begun=True, revision="rev", signed=Block(7))
    assert steps == [uploaded, signed, signed, uploaded]
    assert remember([*known, first, PublishingEnded(CONTENT, End.DONE)]).chosen is None


def test_a_checkpoint_is_judged_once() -> None:
    """By its folder's look and by its content; those that were compared are counted for whom they were compared with."""
    other = CheckpointJudged(
        look="look 2",
        folder=FOLDER,
        content=ContentHash("cd" * 32),
        verdict=TrialVerdict.NOT_BETTER,
        against="lab/voice@1",
        why="",
    )
    unread = CheckpointJudged(
        look="look 3", folder=FOLDER, content=ContentHash(""), verdict=TrialVerdict.REJECTED, against="", why="no weights"
    )
    state = remember([CHOSEN, other, unread])
    assert state == JournalState(
        looks=frozenset({"look", "look 2", "look 3"}),
        contents=frozenset({CONTENT, ContentHash("cd" * 32)}),
        tested={"lab/voice@1": 2},
        chosen=ChosenModel(content=CONTENT, folder=FOLDER),
    )


def test_who_is_declined_is_no_longer_chosen() -> None:
    """And is not asked about again."""
    declined = CheckpointJudged(look="", folder=FOLDER, content=CONTENT, verdict=TrialVerdict.DECLINED, against="", why="")
    state = remember([CHOSEN, declined])
    assert (state.chosen, CONTENT in state.contents) == (None, True)


def test_a_better_one_takes_the_place_of_a_chosen_one() -> None:
    """As long as nothing of it is under way."""
    better = CheckpointJudged(
        look="look 2",
        folder=Path("/models/step-2"),
        content=ContentHash("cd" * 32),
        verdict=TrialVerdict.CHOSEN,
        against=CONTENT,
        why="",
    )
    assert remember([CHOSEN, better]).chosen == ChosenModel(content=ContentHash("cd" * 32), folder=Path("/models/step-2"))
