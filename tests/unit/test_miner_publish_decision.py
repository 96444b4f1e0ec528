"""What comes next in publishing: the rule, and that no kill, delay or replaced block makes it commit twice or show too early."""

from dataclasses import dataclass, field, replace
from typing import Any, assert_never

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurons.chain.adapter import COMMIT_LASTS
from neurons.miner.publish_decision import Ask, End, Hold, Next, PublishingView, RepositoryView, Step, next_step
from scoring.types import Block

EMPTY = RepositoryView(private=True, empty=True, holds=False)
FULL = RepositoryView(private=True, empty=False, holds=True)
OPEN = replace(FULL, private=False)
FINALITY = 3


def seen(**overrides: Any) -> PublishingView:
    """Everything is ready, and nothing has been done."""
    standard = PublishingView(
        registered=True,
        head=Block(500),
        final=Block(497),
        committed_head=False,
        committed_final=False,
        superseded=False,
        place=None,
        may_commit=Block(0),
        void_from=None,
        consented=True,
    )
    return replace(standard, **overrides)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, Step.CREATE, id="nothing is there"),
        pytest.param({"place": EMPTY}, Step.UPLOAD, id="an empty repository"),
        pytest.param({"place": FULL}, Step.COMMIT, id="uploaded"),
        pytest.param({"place": FULL, "committed_head": True}, Hold.NOT_FINAL, id="in a block that may be replaced"),
        pytest.param({"place": FULL, "committed_head": True, "committed_final": True}, Step.REVEAL, id="final"),
        pytest.param({"place": OPEN, "committed_final": True}, End.DONE, id="public"),
        pytest.param({"place": None, "committed_final": True}, End.LOST, id="committed, and removed"),
        pytest.param({"place": EMPTY, "committed_final": True}, End.LOST, id="committed, and emptied"),
        pytest.param({"consented": False}, Ask.CONSENT, id="not asked yet"),
        pytest.param({"place": FULL, "committed_final": True, "consented": False}, Step.REVEAL, id="too late to ask"),
        pytest.param({"registered": False}, Hold.UNREGISTERED, id="not registered"),
        pytest.param({"may_commit": Block(501)}, Hold.COOLDOWN, id="one block too early"),
        pytest.param({"may_commit": Block(500)}, Step.CREATE, id="the cooldown is over"),
        pytest.param({"place": FULL, "void_from": Block(498)}, Hold.UNSURE, id="a signed one may still come"),
        pytest.param({"place": FULL, "void_from": Block(497)}, Step.COMMIT, id="no signed one can come any more"),
        pytest.param({"place": OPEN}, End.EXPOSED, id="seen before it was committed"),
        pytest.param({"place": replace(FULL, holds=False)}, End.FOREIGN, id="something else lies there"),
        pytest.param({"place": FULL, "superseded": True}, End.SUPERSEDED, id="another commitment came after"),
        pytest.param({"place": FULL, "superseded": True, "committed_final": True}, Step.REVEAL, id="not yet final, and replaced"),
    ],
)
def test_the_next_step(facts: dict[str, Any], expected: Next) -> None:
    """Each situation has one answer."""
    assert next_step(seen(**facts)) is expected


@dataclass
class World:
    """A chain and a hub as simple as can be. `pending` holds the last block that may include each signed commitment."""

    head: int = 100
    commits: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    place: RepositoryView | None = None
    shown_at: int | None = None

    def pass_block(self, include: bool) -> None:
        """A block comes; it includes the oldest signed commitment if it wants to, or must not any more."""
        self.head += 1
        self.pending = [last for last in self.pending if last >= self.head]
        if include and self.pending:
            self.pending.pop(0)
            self.commits.append(self.head)

    def replace_blocks(self) -> None:
        """Blocks that are not final are replaced by empty ones: what they held can be included again."""
        dropped = [block for block in self.commits if block > self.head - FINALITY]
        self.commits = [block for block in self.commits if block not in dropped]
        self.pending += [block + COMMIT_LASTS for block in dropped if block + COMMIT_LASTS > self.head]


@dataclass
class Process:
    """What a process knows that a restart forgets, and `signed`, which the journal keeps."""

    signed: bool = False
    void_from: int | None = None

    def look(self, world: World) -> Next:
        """Observe and decide."""
        if self.signed and self.void_from is None:
            self.void_from = world.head + COMMIT_LASTS + 1
        final = world.head - FINALITY
        return next_step(
            seen(
                head=Block(world.head),
                final=Block(final),
                committed_head=bool(world.commits),
                committed_final=any(block <= final for block in world.commits),
                place=world.place,
                void_from=None if self.void_from is None else Block(self.void_from),
            )
        )

    def act(self, step: Step, world: World, delay: int) -> None:
        """Take a step; a commitment is signed at the newest block, `delay` blocks from now."""
        match step:
            case Step.CREATE:
                world.place = EMPTY
            case Step.UPLOAD:
                world.place = FULL
            case Step.COMMIT:
                self.signed, self.void_from = True, None
                for _ in range(delay):
                    world.pass_block(include=False)
                world.pending.append(world.head + COMMIT_LASTS)
            case Step.REVEAL:
                world.place, world.shown_at = OPEN, world.head
            case unreachable:
                assert_never(unreachable)


Moves = st.lists(
    st.sampled_from(["tick", "tick", "tick", "block", "including block", "restart", "other blocks"]), min_size=30, max_size=150
)


@given(Moves, st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_whatever_happens_it_commits_once_and_shows_only_what_is_final(moves: list[str], delay: int) -> None:
    """Blocks that include late or never, or are replaced, and restarts at any moment."""
    world, process = World(), Process()
    for move in moves:
        match move:
            case "tick":
                step = process.look(world)
                if isinstance(step, Step):
                    process.act(step, world, delay)
                assert not isinstance(step, End) or step is End.DONE
            case "restart":
                process = Process(process.signed)
            case "other blocks":
                world.replace_blocks()
            case _:
                world.pass_block(include=move == "including block")
        assert len(world.commits) + len(world.pending) <= 1
        assert world.shown_at is None or min(world.commits) <= world.shown_at - FINALITY


def test_left_alone_it_gets_there() -> None:
    """Without faults: create, upload, commit, wait, show."""
    world, process = World(), Process()
    done: list[Next] = []
    while not done or done[-1] is not End.DONE:
        step = process.look(world)
        done.append(step)
        if isinstance(step, Step):
            process.act(step, world, 0)
        world.pass_block(include=True)
    assert list(dict.fromkeys(done)) == [Step.CREATE, Step.UPLOAD, Step.COMMIT, Hold.NOT_FINAL, Step.REVEAL, End.DONE]
