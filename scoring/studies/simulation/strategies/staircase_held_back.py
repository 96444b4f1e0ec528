"""A staircase held back: a better model than the king's comes in small steps, the next one when the last has taken the top."""

from scoring.studies.simulation.actors import MadeUpModel, Moment

HOTKEYS = 4
WHERE = ("newcomer", "overtaken")
STEP = 0.03


def commit(moment: Moment) -> MadeUpModel | None:
    """A step above the king, as long as more is held back; a step below its best while nobody is king."""
    if moment.own is not None or moment.ability == 0.0 or _reached(moment):
        return None
    if moment.place > 0 and moment.king_place != moment.place - 1:
        return None
    if moment.king is None:
        return moment.trained(moment.ability - STEP)
    last = moment.place == HOTKEYS - 1
    return moment.trained(moment.ability if last else min(moment.ability, moment.king.quality + STEP))


def _reached(moment: Moment) -> bool:
    return any(model is not None and model.quality >= moment.ability for model in moment.mine)
