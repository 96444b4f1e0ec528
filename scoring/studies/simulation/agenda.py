"""Whom a simulated validator judges in a round: as the real one does, but that nobody is near the end of an immunity."""

from collections.abc import Mapping, Sequence

from scoring.ranking.state import State
from scoring.types import Entrant, RoundNumber


def choose(
    state: State,
    paid: Sequence[Entrant],
    standing: Mapping[Entrant, RoundNumber],
    asked: Mapping[Entrant, RoundNumber],
    most: int,
) -> list[Entrant]:
    """At most `most` of those that stand, in order: king, paid places, newcomers and open duels, then who was asked longest ago.

    `standing` are candidates in the order of their commits, `asked` says in which round each was judged last.
    """
    refused = {refusal.entrant for refusal in state.refusals}
    open_duels = {duel.challenger for duel in state.duels}
    first = [entrant for entrant in (state.king, *paid) if entrant is not None]
    waiting = [entrant for entrant in standing if entrant in open_duels or entrant not in asked]
    settled = sorted((entrant for entrant in standing if entrant not in refused), key=lambda e: asked.get(e, RoundNumber(-1)))
    ordered = dict.fromkeys([*first, *waiting, *settled])
    return [entrant for entrant in ordered if entrant in standing][:most]
