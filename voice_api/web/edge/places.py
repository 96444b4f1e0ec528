"""Who may hold a connection: so many in all, and so many of one address.

Nobody is kept out by those who say nothing: where all places are taken, whoever waits longest for a request of its own to be
whole gives way to who comes. Only where every place is being served is the newcomer sent away. An open page's stream is counted
by `LiveNews`, and takes no place here.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

C = TypeVar("C", bound=Hashable)


class NoPlace(Exception):
    """Every place is taken, and each of them is being served."""


@dataclass(slots=True)
class _Crowd(Generic[C]):
    """The connections that share a number of places."""

    most: int
    waiting: dict[C, None] = field(default_factory=dict)
    """Those without a whole request, oldest first."""
    served: set[C] = field(default_factory=set)
    aside: set[C] = field(default_factory=set)
    """Those that are counted elsewhere."""

    def __bool__(self) -> bool:
        return bool(self.waiting or self.served or self.aside)

    def displaced(self) -> C | None:
        """Who would give way to one more, None where there is room; raises NoPlace."""
        if len(self.waiting) + len(self.served) < self.most:
            return None
        if not self.waiting:
            raise NoPlace
        return next(iter(self.waiting))

    def wait(self, who: C) -> None:
        if who not in self.waiting:
            self.leave(who)
            self.waiting[who] = None

    def serve(self, who: C) -> None:
        self.leave(who)
        self.served.add(who)

    def step_aside(self, who: C) -> None:
        self.leave(who)
        self.aside.add(who)

    def leave(self, who: C) -> None:
        self.waiting.pop(who, None)
        self.served.discard(who)
        self.aside.discard(who)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCounts:
    """The connections by how they stand, and those that lost a place to another, or got none, since the start."""

    waiting: int
    served: int
    listening: int
    displaced: int
    refused: int


class Places(Generic[C]):
    """The places of a server."""

    def __init__(self, most: int, most_of_address: int) -> None:
        """So many in all, and so many of one address; 0 of one address is no limit."""
        self._all: _Crowd[C] = _Crowd(most)
        self._most_of_address = most_of_address
        self._of: dict[str, _Crowd[C]] = {}
        self._address: dict[C, str | None] = {}
        self._displaced = self._refused = 0

    def __len__(self) -> int:
        """How many are taken."""
        return len(self._all.waiting) + len(self._all.served)

    def counts(self) -> PlaceCounts:
        """How they stand now."""
        found = self._all
        return PlaceCounts(
            waiting=len(found.waiting),
            served=len(found.served),
            listening=len(found.aside),
            displaced=self._displaced,
            refused=self._refused,
        )

    def enter(self, who: C, address: str | None) -> C | None:
        """Take a place, waiting for a request, and say who has lost its own for it; raises NoPlace.

        None for the address is a proxy's: many people come through it, and each of their requests is counted by itself.
        """
        address = address if self._most_of_address else None
        own = None if address is None else self._of.get(address)
        try:
            displaced = (own.displaced() if own else None) or self._all.displaced()
        except NoPlace:
            self._refused += 1
            raise
        if displaced is not None:
            self._displaced += 1
            self.leave(displaced)
        self._address[who] = address
        if address is not None:
            self._of.setdefault(address, _Crowd(self._most_of_address))
        for crowd in self._crowds(who):
            crowd.wait(who)
        return displaced

    def wait(self, who: C) -> None:
        """It has no whole request (any more); whoever waits already keeps its turn."""
        for crowd in self._crowds(who):
            crowd.wait(who)

    def serve(self, who: C) -> None:
        """Its request is whole, and not answered yet."""
        for crowd in self._crowds(who):
            crowd.serve(who)

    def step_aside(self, who: C) -> None:
        """It is counted elsewhere until it waits or is served again."""
        for crowd in self._crowds(who):
            crowd.step_aside(who)

    def leave(self, who: C) -> None:
        """It is gone, or shall go."""
        for crowd in self._crowds(who):
            crowd.leave(who)
        address = self._address.pop(who, None)
        if address is not None and not self._of[address]:
            del self._of[address]

    def _crowds(self, who: C) -> tuple[_Crowd[C], ...]:
        if who not in self._address:
            return ()
        address = self._address[who]
        return (self._all,) if address is None else (self._all, self._of[address])
