"""Who is asked for when there are more submissions than places: no crowd keeps anybody waiting for long."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.ranking.duel import Challenger, Duel
from scoring.ranking.queue import RoundCandidate, RoundQueue
from scoring.ranking.state import Rejection, Setback, State
from scoring.types import Block, Entrant, Hotkey, Micro, RoundNumber, SubmissionId, entrant, parse_entrant
from tests.builders.ranking import a_record, a_round_candidate, a_state, named
from tests.builders.rules import a_track

TRACK = a_track(
    evaluations=20,
    queue={
        "newcomers": 0.4,
        "immune": 0.1,
        "newest": 0.1,
        "oldest": 0.1,
        "proven": 0.1,
        "turns": 0.1,
        "set_back": 0.1,
        "hotkey": 0.15,
    },
)
"""Twenty places: newcomers keep eight, proven models two, challengers by turn two; two are for setbacks, three for a hotkey."""
KING = 1000


def asked(candidates: Iterable[RoundCandidate], state: State, now: int = 36_000) -> list[Entrant]:
    """Whom a round asks for."""
    return RoundQueue(state=state, track=TRACK, now=Block(now), round_blocks=360).asked(candidates)


def a_challenger(number: int, promise: int = 0) -> Challenger:
    """Submission `number`, which waits for a duel with the king."""
    return Challenger(entrant=named(number), promise=promise)


def newcomers(numbers: Iterable[int], **overrides: object) -> list[RoundCandidate]:
    """Those that nobody has asked for yet."""
    return [a_round_candidate(number, **overrides) for number in numbers]


def old(numbers: Iterable[int], **overrides: object) -> list[RoundCandidate]:
    """Those that the last round asked for."""
    return [a_round_candidate(number, **{"last_asked": RoundNumber(99)} | overrides) for number in numbers]


def names(*numbers: int) -> list[Entrant]:
    """Their names."""
    return [named(number) for number in numbers]


def test_each_class_keeps_its_places_when_all_are_short() -> None:
    """One king, eight newcomers, two proven models, two hotkeys that are set back; seven challengers have the rest."""
    waiting, proven, back = range(100, 200), range(200, 300), range(300, 400)
    state = a_state(
        king=named(KING),
        king_since=Block(360 * 99),
        records=tuple(a_record(n) for n in (*waiting, *proven)),
        challengers=tuple(a_challenger(n) for n in waiting),
        setbacks=tuple(Setback(Hotkey(f"h{n}"), RoundNumber(90)) for n in back),
    )
    found = asked([*newcomers(range(100)), *old((*waiting, *proven, KING)), *newcomers(back)], state)
    counts = Counter(int(parse_entrant(name)[1]) // 100 for name in found)
    assert (found[0], counts) == (named(KING), {0: 8, 1: 7, 2: 2, 3: 2, 10: 1})


def test_what_one_class_leaves_is_for_the_others() -> None:
    """Without newcomers and proven models all places are the challengers'; what these leave goes to whoever has had a verdict."""
    many, few = range(100, 200), range(100, 103)
    state = a_state(king=named(KING), records=tuple(a_record(n) for n in many), challengers=tuple(a_challenger(n) for n in many))
    assert len(asked(old((*many, KING)), state)) == 20
    only = replace(state, tracks=(replace(state.tracks[0], challengers=tuple(a_challenger(n) for n in few)),))
    assert asked(old((*many, KING)), only)[:4] == names(KING, *few)
    assert len(asked(old((*many, KING)), only)) == 20


def test_the_most_promising_challenger_never_waits_and_the_others_take_turns() -> None:
    """Among 240 it is asked in every round; each of them is asked within 240 / (places for turns) rounds."""
    waiting = range(240)
    state = a_state(
        king=named(KING),
        records=tuple(a_record(n) for n in waiting),
        challengers=tuple(a_challenger(n, promise=n) for n in waiting),
    )
    last = dict.fromkeys([*waiting, KING], 1)
    for number in range(2, 2 + 120):
        field = [a_round_candidate(n, last_asked=RoundNumber(last[n])) for n in last]
        found = asked(field, state, now=360 * number)
        assert found[0] == named(KING)
        assert named(239) in found
        last |= {int(parse_entrant(name)[1]): number for name in found}
    assert min(last.values()) > 1


def test_of_challengers_that_promise_the_same_the_first_commitment_goes_first() -> None:
    """In turns, too: whoever was asked for longest ago, then the first commitment."""
    state = a_state(king=named(KING), challengers=tuple(a_challenger(n) for n in (5, 6, 7)))
    field = [*old((5, 7)), a_round_candidate(6, last_asked=RoundNumber(98))]
    assert asked(field, state) == names(6, 5, 7)


@pytest.mark.parametrize(
    ("crowd", "own"),
    [
        pytest.param({"commits": range(100), "previous": 50}, {"commit": 500, "previous": 60}, id="it came before"),
        pytest.param({"commits": range(501, 601), "previous": 50}, {"commit": 500, "previous": 60}, id="it follows"),
        pytest.param({"commits": range(450, 550), "previous": 60}, {"commit": 500, "previous": 50}, id="it came more lately"),
        pytest.param({"commits": range(450, 550), "previous": 60}, {"commit": 500, "previous": None}, id="it is new"),
    ],
)
def test_no_crowd_of_newcomers_keeps_one_waiting(crowd: dict[str, range | int], own: dict[str, int | None]) -> None:
    """A hundred others before it, after it, or as often as they may: it has a place in the next round."""
    others = [
        a_round_candidate(n, commit_block=Block(block), previous_block=crowd["previous"])
        for n, block in enumerate(crowd["commits"])  # type: ignore[arg-type]
    ]
    waiting = range(2000, 2100)
    state = a_state(king=named(KING), challengers=tuple(a_challenger(n) for n in waiting))
    mine = a_round_candidate(999, commit_block=Block(own["commit"] or 0), previous_block=own["previous"])
    assert mine.entrant in asked([*others, *old(waiting), mine], state)


def test_an_immunity_that_ends_soon_goes_first() -> None:
    """For two newcomers at most: the rest goes by its turns."""
    immune = [a_round_candidate(n, immune_until=Block(40_000 - n)) for n in (1, 2, 3)]
    lapsed = a_round_candidate(4, immune_until=Block(36_000))
    assert asked([*immune, lapsed], State())[:2] == names(3, 2)


def test_a_model_that_has_not_met_this_king_comes_before_those_that_have() -> None:
    """The best of them first; whoever was rejected comes last."""
    state = a_state(
        king=named(KING),
        king_since=Block(360 * 50),
        records=(a_record(1, 0.5), a_record(2, 0.6), a_record(3, 0.7)),
        rejections=(Rejection(named(6), Hotkey("h6"), "a copy"),),
    )
    field = [*old((1, 2), last_asked=RoundNumber(50)), *old((3, 6), last_asked=RoundNumber(60)), *old((KING,))]
    assert asked(field, state) == names(KING, 2, 1, 3, 6)


def test_whoever_fails_for_our_reasons_does_not_block_new_ones() -> None:
    """Asked for in vain, it is a newcomer still, with its turn behind it."""
    parked = old(range(30))
    found = asked([*parked, *newcomers((98,))], State())
    assert found.index(named(98)) < 8


def test_junk_never_takes_more_than_its_places_and_none_of_the_others() -> None:
    """A hundred hotkeys that are set back get two places of a round that has room for all, and no newcomer waits for them."""
    state = a_state(setbacks=tuple(Setback(Hotkey(f"h{n}"), RoundNumber(90)) for n in range(100)))
    found = asked([*newcomers(range(100), immune_until=Block(40_000)), *newcomers(range(200, 217))], state)
    assert (found[:17], len(found)) == (sorted(found[:17], key=found.index), 19)
    assert set(names(*range(200, 217))) < set(found)


def test_a_hotkey_that_is_set_back_still_fights_its_duel() -> None:
    """What is open goes on, beside whoever waits, and the king stays the king."""
    duel = Duel(challenger=named(1), king=named(KING), opened=RoundNumber(1), margin=Micro(20_000), threshold=40.0)
    state = a_state(
        king=named(KING),
        duel=duel,
        challengers=(a_challenger(1), *(a_challenger(n, 1) for n in range(100, 200))),
        setbacks=(Setback(Hotkey("h1"), RoundNumber(9)), Setback(Hotkey(f"h{KING}"), RoundNumber(9))),
    )
    assert asked(old((*range(100, 200), 1, KING)), state)[:2] == names(KING, 1)


def of_hotkey(hotkey: int, block: int) -> RoundCandidate:
    """A commitment of one of a few hotkeys."""
    name = entrant(Hotkey(f"h{hotkey}"), Block(block))
    return a_round_candidate(block, submission=SubmissionId(block), entrant=name)


def test_a_kings_newer_commitment_has_a_place_beside_it() -> None:
    """Also where a hotkey's share is one place: else it would never be judged, and the throne fall empty in the end."""
    state, few = a_state(king=named(1)), TRACK.model_copy(update={"evaluations": 4})
    field = [a_round_candidate(1), of_hotkey(1, 50), of_hotkey(1, 60)]
    found = RoundQueue(state=state, track=few, now=Block(36_000), round_blocks=360).asked(field)
    assert found == [named(1), field[2].entrant]


@given(st.integers(0, 2**32))
def test_a_round_is_fair_whatever_stands_in_it(seed: int) -> None:
    """Never more than its places; nobody twice; no hotkey and no setback beyond its share; the same for any order of candidates."""
    draw = random.Random(seed)
    field = [of_hotkey(draw.randrange(8), block) for block in range(draw.randrange(1, 80))]
    field = [replace(each, last_asked=draw.choice((None, RoundNumber(draw.randrange(99))))) for each in field]
    pool = [each.entrant for each in field]
    king, *_ = draw.sample(pool, 1)
    waiting = tuple(
        replace(a_challenger(0, draw.randrange(9)), entrant=name) for name in draw.sample(pool, len(pool) // 4) if name != king
    )
    state = a_state(
        king=king,
        challengers=waiting,
        records=tuple(
            replace(a_record(0, draw.random()), entrant=name, hotkey=parse_entrant(name)[0])
            for name in draw.sample(pool, len(pool) // 2)
        ),
        setbacks=tuple(Setback(Hotkey(f"h{n}"), RoundNumber(1)) for n in draw.sample(range(8), 3)),
    )
    found = asked(field, state)
    assert len(found) == len(set(found)) <= 20
    assert found[0] == king
    held = {setback.hotkey for setback in state.tracks[0].setbacks}
    challengers = {each.entrant for each in waiting}
    hotkeys = Counter(parse_entrant(name)[0] for name in found[1:])
    assert max(hotkeys.values(), default=0) <= 3
    assert sum(parse_entrant(name)[0] in held and name not in challengers for name in found[1:]) <= 2
    assert asked(draw.sample(field, len(field)), state) == found
