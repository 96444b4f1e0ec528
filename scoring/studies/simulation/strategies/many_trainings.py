"""Each improvement trained by twelve hotkeys, all of which commit it at once, but for a king: one of twelve is soon lucky in a duel."""

from scoring.studies.simulation.actors import MadeUpModel, Moment
from scoring.studies.simulation.strategies.honest import GAIN

HOTKEYS = 12
RUNS = 400
WHERE = ("improver",)


def commit(moment: Moment) -> MadeUpModel | None:
    """A model of its own for each hotkey that is not king."""
    if not moment.free or moment.ability == 0.0 or moment.king_place == moment.place:
        return None
    if moment.own is not None and moment.ability < moment.own.quality + GAIN:
        return None
    return moment.trained(moment.ability)
