"""Who committed a model first."""

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from scoring.model.fingerprint import tag_of
from scoring.types import Block, ContentHash, Hotkey, PublicKey, SubmissionId, Tag, TensorsHash
from tests.builders.workers import a_claim
from voice_api.db.evaluations import Claim
from voice_api.db.states import SubmissionState
from voice_api.db.submissions import Submission, Submissions, TagRecord
from voice_api.errors import DatabaseUnavailable
from workers.evaluation.evaluate import EarlierOwner
from workers.jobs.lineage import StoredLineage, first_owner

CONTENT = ContentHash("11" * 32)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOTHING = cast(Any, None)


def key(number: int) -> PublicKey:
    """The public key of hotkey h<number>."""
    return PublicKey(f"{number:02x}" * 32)


def claimed(number: int = 5, block: int = 50) -> Claim:
    """Submission of h<number>, committed at a block."""
    tag = tag_of(CONTENT, key(number))
    return a_claim(hotkey=Hotkey(f"h{number}"), public_key=key(number), commit_block=Block(block), tiebreak="55", tag=tag)


def a_tag(number: int, block: int, **overrides: Any) -> TagRecord:
    """h<number> bound CONTENT at a block."""
    tag = TagRecord(
        submission_id=SubmissionId(number),
        hotkey=Hotkey(f"h{number}"),
        public_key=key(number),
        commit_block=Block(block),
        tiebreak="44",
        tag=tag_of(CONTENT, key(number)),
    )
    return replace(tag, **overrides)


def a_twin(number: int, **overrides: Any) -> Submission:
    """A judged submission of h<number> with the claim's tensors."""
    twin = Submission(
        id=SubmissionId(number),
        hotkey=Hotkey(f"h{number}"),
        public_key=key(number),
        commit_block=Block(number),
        tiebreak="44",
        commitment="",
        repo="a/b",
        revision="0" * 40,
        tag=Tag("00" * 16),
        family=None,
        state=SubmissionState.SCORED,
        code=None,
        reason=None,
        content_hash=None,
        tensors_hash=None,
        copy_of=None,
        created_at=NOW,
        updated_at=NOW,
        score=None,
        stderr=None,
        scored_round=None,
        track=None,
    )
    return replace(twin, **overrides)


OTHER = {"tag": "ff" * 16}
"""A tag that binds something else."""


def test_the_earliest_binding_tag_is_the_owner_even_if_it_was_never_judged() -> None:
    """No repository is needed to find it: every known tag is tried."""
    tags = [a_tag(1, 40, **OTHER), a_tag(2, 45), a_tag(3, 42), a_tag(5, 50)]
    assert first_owner(claimed(), CONTENT, tags, ()) == EarlierOwner(SubmissionId(3), Hotkey("h3"), Block(42))


def test_a_later_commit_owns_nothing() -> None:
    """Neither in a later block nor later inside the same block."""
    assert first_owner(claimed(), CONTENT, [a_tag(1, 51), a_tag(2, 50, tiebreak="66")], ()) is None


def test_inside_one_block_the_lower_tiebreak_is_earlier() -> None:
    """The order of commits in a block is fixed by its hash."""
    assert first_owner(claimed(), CONTENT, [a_tag(2, 50, tiebreak="11")], ()) == EarlierOwner(
        SubmissionId(2), Hotkey("h2"), Block(50)
    )


def test_a_hotkey_may_commit_its_own_model_again() -> None:
    """An earlier commit of the same hotkey is no other owner."""
    assert first_owner(claimed(), CONTENT, [a_tag(5, 10)], ()) is None


def test_equal_tensors_under_another_config_are_the_same_model() -> None:
    """The tag binds other content, the tensors are the same."""
    tags = [a_tag(4, 30, **OTHER)]
    assert first_owner(claimed(), CONTENT, tags, [a_twin(4)]) == EarlierOwner(SubmissionId(4), Hotkey("h4"), Block(30))


def test_a_copy_stands_for_its_original() -> None:
    """The original is named, though only its copy was judged so far."""
    tags = [a_tag(1, 20, **OTHER), a_tag(4, 30, **OTHER)]
    twin = a_twin(4, state=SubmissionState.COPY, copy_of=SubmissionId(1))
    assert first_owner(claimed(), CONTENT, tags, [twin]) == EarlierOwner(SubmissionId(1), Hotkey("h1"), Block(20))


@pytest.mark.parametrize("state", [SubmissionState.REJECTED, SubmissionState.SUPERSEDED])
def test_what_became_of_an_original_frees_its_model_for_nobody(state: SubmissionState) -> None:
    """Neither a refusal in a later round nor a newer commitment lets another config of the same tensors pass."""
    twin = a_twin(4, state=state)
    assert first_owner(claimed(), CONTENT, [a_tag(4, 30, **OTHER)], [twin]) == EarlierOwner(
        SubmissionId(4), Hotkey("h4"), Block(30)
    )


@pytest.mark.parametrize(
    "copy",
    [
        pytest.param(a_tag(2, 30), id="the same bytes"),
        pytest.param(a_tag(2, 30, **OTHER), id="the same tensors"),
    ],
)
def test_an_owner_may_commit_again_what_others_copied_meanwhile(copy: TagRecord) -> None:
    """A copy, judged or not, does not come before an original when that original's hotkey commits it once more."""
    twins = [a_twin(1, hotkey=Hotkey("h5"), state=SubmissionState.SUPERSEDED), a_twin(2)]
    own = replace(a_tag(5, 10), submission_id=SubmissionId(1))
    assert first_owner(claimed(), CONTENT, [own, copy], twins) is None


async def test_an_outage_of_a_moment_is_waited_out() -> None:
    """The owner is found all the same, unless the worker has to stop."""

    class Shaky:
        def __init__(self) -> None:
            self.outages = [DatabaseUnavailable()]

        async def tags(self) -> list[TagRecord]:
            if self.outages:
                raise self.outages.pop()
            return [a_tag(1, block=10)]

        async def by_tensors(self, _tensors: TensorsHash) -> list[Submission]:
            return []

    loop = asyncio.get_running_loop()
    for in_haste in (False, True):
        lineage = StoredLineage(cast(Submissions, Shaky()), NOTHING, NOTHING, loop, lambda haste=in_haste: haste, hub=NOTHING)  # type: ignore[misc]  # a bool
        with pytest.raises(DatabaseUnavailable) if in_haste else nullcontext():
            found = await asyncio.to_thread(lineage.earlier, claimed(), CONTENT, TensorsHash("22" * 32))
            assert found == EarlierOwner(SubmissionId(1), Hotkey("h1"), Block(10))
