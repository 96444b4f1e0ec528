"""A guard: while the first hotkey is king, all others challenge it with near-copies whenever they may, to keep better models waiting."""

from scoring.studies.simulation.actors import MadeUpModel, Moment
from scoring.studies.simulation.strategies import honest

HOTKEYS = 61
WHERE = ("overtaken",)


def commit(moment: Moment) -> MadeUpModel | None:
    """The first hotkey works honestly, the others copy it as long as it is king."""
    if moment.place == 0:
        return honest.commit(moment)
    if moment.king is None or moment.king_place != 0 or not moment.free:
        return None
    return moment.near_copy(moment.king)
