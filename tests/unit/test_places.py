"""Places for connections: the silent give way to who comes, and no address takes everybody's."""

import pytest

from voice_api.web.edge.open_files import LISTENERS, ConnectionBudget
from voice_api.web.edge.places import NoPlace, PlaceCounts, Places


@pytest.fixture
def places() -> Places[str]:
    """Four, two of an address."""
    return Places(4, 2)


def test_who_waits_longest_gives_way(places: Places[str]) -> None:
    """Where all places are taken: first of the own address, else of all; who is served keeps its place."""
    assert [places.enter(who, address) for who, address in (("a1", "a"), ("a2", "a"))] == [None, None]
    places.serve("a1")
    assert places.enter("a3", "a") == "a2"
    assert [places.enter(who, who) for who in ("b", "c")] == [None, None]
    places.serve("a3")
    assert (places.enter("d", "d"), len(places)) == ("b", 4)
    assert places.counts() == PlaceCounts(waiting=2, served=2, listening=0, displaced=2, refused=0)


def test_nobody_who_is_served_is_sent_away(places: Places[str]) -> None:
    """The newcomer is, in its own address or where all are served; and it leaves nothing behind."""
    for who, address in (("a1", "a"), ("a2", "a"), ("b", "b"), ("c", "c")):
        places.enter(who, address)
        places.serve(who)
    for address in ("a", "d"):
        with pytest.raises(NoPlace):
            places.enter("new", address)
    assert places.counts() == PlaceCounts(waiting=0, served=4, listening=0, displaced=0, refused=2)
    places.leave("c")
    assert (places.enter("new", "d"), len(places)) == (None, 4)


def test_who_waits_again_stands_at_the_end(places: Places[str]) -> None:
    """A served one that waits again waits from then on, and to say so twice changes nothing."""
    for who in ("b", "c", "d", "e"):
        places.enter(who, who)
    places.wait("b")
    places.serve("b")
    places.wait("b")
    assert [places.enter(who, who) for who in ("f", "g", "h", "i")] == ["c", "d", "e", "b"]


def test_who_steps_aside_takes_no_place(places: Places[str]) -> None:
    """Until it waits again, and also when it leaves meanwhile."""
    for who in ("a1", "a2", "a3", "a4"):
        assert places.enter(who, "a") is None
        places.step_aside(who)
    assert len(places) == 0
    places.leave("a1")
    places.wait("a2")
    places.serve("a3")
    assert len(places) == 2
    assert places.enter("a5", "a") == "a2"


@pytest.mark.parametrize("places", [Places[str](4, 2), Places[str](4, 0)], ids=["a proxy", "no limit of an address"])
def test_a_limit_that_does_not_hold(places: Places[str], request: pytest.FixtureRequest) -> None:
    """Those who come through a trusted proxy, or where no address is limited, share the places of all."""
    address = None if "proxy" in request.node.callspec.id else "a"
    assert [places.enter(str(number), address) for number in range(5)] == [None] * 4 + ["0"]


@pytest.mark.parametrize(
    ("open_files", "budget"),
    [
        pytest.param(20_000, ConnectionBudget(4_000, LISTENERS), id="plenty"),
        pytest.param(256 + 4_000 + LISTENERS, ConnectionBudget(4_000, LISTENERS), id="just enough"),
        pytest.param(1_024, ConnectionBudget(512, 256), id="768 of 6000 that are wanted"),
        pytest.param(100, ConnectionBudget(1, 1), id="next to nothing"),
    ],
)
def test_connections_stay_below_the_open_files(open_files: int, budget: ConnectionBudget) -> None:
    """256 are kept back, and the rest is shared two to one."""
    assert ConnectionBudget.within(open_files, 4_000) == budget
