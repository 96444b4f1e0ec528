"""Distinct junk: one honest hotkey, and many that commit another worthless model whenever they may, to keep others waiting."""

from scoring.studies.simulation.actors import WORTHLESS, MadeUpModel, Moment
from scoring.studies.simulation.strategies import honest

HOTKEYS = 40
WHERE = ("newcomer",)


def commit(moment: Moment) -> MadeUpModel | None:
    """The first hotkey works honestly."""
    if moment.place == 0:
        return honest.commit(moment)
    return moment.trained(WORTHLESS) if moment.free else None
