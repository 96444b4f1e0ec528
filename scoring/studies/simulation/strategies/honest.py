"""Honest work under one hotkey: the best model at once, and again whenever it has become better by a point."""

from scoring.studies.simulation.actors import MadeUpModel, Moment

HOTKEYS = 1
GAIN = 0.01


def commit(moment: Moment) -> MadeUpModel | None:
    """The best that it can train, unless what it committed before is as good."""
    if not moment.free or moment.ability == 0.0:
        return None
    if moment.own is not None and moment.ability < moment.own.quality + GAIN:
        return None
    return moment.trained(moment.ability)
