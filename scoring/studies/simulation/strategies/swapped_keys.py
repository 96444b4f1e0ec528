"""Swapped keys: each improvement comes under the other of two hotkeys, so that the king never risks its place by a new commit."""

from scoring.studies.simulation.actors import MadeUpModel, Moment
from scoring.studies.simulation.strategies.honest import GAIN

HOTKEYS = 2
WHERE = ("improver",)


def commit(moment: Moment) -> MadeUpModel | None:
    """The hotkey that is not king commits what is better than everything of one's own."""
    best = max((model.quality for model in moment.mine if model is not None), default=0.0)
    if not moment.free or moment.king_place == moment.place or moment.ability < best + GAIN:
        return None
    return moment.trained(moment.ability)
