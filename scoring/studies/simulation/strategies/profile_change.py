"""A change of the profile: near-copies of the king wait for the round in which scores begin to be measured otherwise, and are higher."""

from scoring.studies.simulation.actors import MadeUpModel, Moment
from scoring.studies.simulation.strategies import honest

HOTKEYS = 6
WHERE = ("profile changes",)


def commit(moment: Moment) -> MadeUpModel | None:
    """The first hotkey works honestly; of the others every second one copies the king just before the change, the rest just after."""
    if moment.place == 0:
        return honest.commit(moment)
    if moment.king is None or moment.new_scale is None or moment.own is not None:
        return None
    return moment.near_copy(moment.king) if moment.round >= moment.new_scale - moment.place % 2 else None
