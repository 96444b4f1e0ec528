"""Near-copies before the fact: one model under many hotkeys at once, each with noise that lineage does not catch."""

from scoring.studies.simulation.actors import MadeUpModel, Moment
from scoring.studies.simulation.strategies import honest

HOTKEYS = 10
WHERE = ("overtaken",)


def commit(moment: Moment) -> MadeUpModel | None:
    """The first hotkey works honestly, all others hold its model too."""
    if moment.place == 0:
        return honest.commit(moment)
    original = moment.mine[0]
    return moment.near_copy(original) if original is not None and moment.own is None else None
