"""Near-copies after the fact: whoever is king, its model with noise under many hotkeys, which wait for it to leave or to stumble."""

from scoring.studies.simulation.actors import MadeUpModel, Moment
from scoring.studies.simulation.strategies import honest

HOTKEYS = 6
RUNS = 100
WHERE = ("improver", "king commits again")


def commit(moment: Moment) -> MadeUpModel | None:
    """The first hotkey works honestly, the others copy each king once."""
    if moment.place == 0:
        return honest.commit(moment)
    if moment.king is None or not moment.free:
        return None
    held = moment.own is not None and moment.own.tensors.startswith(f"noise:{moment.king.tensors}:")
    return None if held else moment.near_copy(moment.king)
