"""The batches in which a model is asked a round's prompts."""

import random

from scoring.competition import Track, load
from scoring.synthesis.synthesiser import Request
from scoring.types import BlockHash, RoundNumber
from tests.builders.rules import changed
from workers.evaluation.batches import Batch, batches_of, batches_with, composed
from workers.evaluation.requests import TimedRequest, requests_of

HASH = BlockHash("0x" + "5a" * 32)


def rules(batch: int, **changes: object) -> Track:
    """The rules that ship, with batches of so many."""
    return changed(load().at(RoundNumber(0)).track[0], synthesis={"batch": batch}, **changes)


def ask(*texts: str) -> list[TimedRequest]:
    """Requests for the texts."""
    return [TimedRequest(Request(f"p{number}", text, "", number), 1.0) for number, text in enumerate(texts)]


def names(batches: tuple[Batch, ...]) -> list[list[str]]:
    """The prompts of each batch."""
    return [[timed.request.prompt_id for timed in batch] for batch in batches]


def test_batches_are_of_short_texts_and_of_long_ones() -> None:
    """Texts of one length stay in their order; one by one all do."""
    asked = ask("long text", "b", "longer text", "a", "c")
    assert names(composed(asked, 2)) == [["p1", "p3"], ["p4", "p0"], ["p2"]]
    assert names(composed(asked, 1)) == [["p0"], ["p1"], ["p2"], ["p3"], ["p4"]]
    assert names(composed([], 2)) == []


def test_they_follow_from_the_round_and_its_rules() -> None:
    """Nothing else decides: not how long an answer may take, not what was asked for before; another round has other batches."""
    track = rules(5)
    found = batches_of("csm", track, HASH)
    requests = {timed.request.prompt_id: timed.request for timed in requests_of("csm", track.groups(HASH), HASH, track.limits)}
    assert {timed.request.prompt_id: timed.request for batch in found for timed in batch} == requests
    assert [len(batch) for batch in found] == [5] * 7 + [1]
    patient = changed(track, limits={"sample_seconds": 99.0}, evaluations=1)
    assert names(batches_of("csm", patient, HASH)) == names(found)
    assert names(batches_of("csm", track, BlockHash("0x" + "5b" * 32))) != names(found)


def test_a_family_that_takes_no_batches_is_asked_one_by_one() -> None:
    """In the round's order, whatever the rules would allow."""
    prompts = [[prompt.id] for group in rules(1).groups(HASH) for prompt in group.prompts]
    assert names(batches_of("vits", rules(5), HASH)) == names(batches_of("csm", rules(1), HASH)) == prompts


def test_a_part_of_a_round_is_asked_in_the_batches_of_the_whole() -> None:
    """Neighbours of a prompt are asked as well, those of no other."""
    found = batches_of("csm", rules(5), HASH)
    (one,) = batches_with(found, {random.Random(1).choice(found[3]).request.prompt_id})
    assert one == found[3]
    assert batches_with(found, set()) == ()
