"""Exact copies: the same tensors under many hotkeys."""

from scoring.studies.simulation.actors import MadeUpModel, Moment
from scoring.studies.simulation.strategies import honest

HOTKEYS = 20
WHERE = ("first",)


def commit(moment: Moment) -> MadeUpModel | None:
    """The first hotkey works honestly, all others commit its first model."""
    if moment.place == 0:
        return honest.commit(moment)
    return moment.mine[0] if moment.own is None else None
