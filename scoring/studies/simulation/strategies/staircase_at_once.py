"""A staircase at once: the best model and versions made worse on purpose, all in one round, the worst first."""

from scoring.studies.simulation.actors import MadeUpModel, Moment
from scoring.studies.simulation.strategies import honest

HOTKEYS = 5
WHERE = ("first", "newcomer")
STEP = 0.03


def commit(moment: Moment) -> MadeUpModel | None:
    """Each hotkey a step below the next one; the last one works honestly."""
    below = HOTKEYS - 1 - moment.place
    if below == 0:
        return honest.commit(moment)
    if moment.own is not None or moment.ability == 0.0:
        return None
    return moment.trained(moment.ability - STEP * below)
