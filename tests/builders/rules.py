"""Rules that ask for what families hear who follow descriptions: those that ship ask for plain reading."""

from prompts.voices import Attribute
from scoring.competition import Competition
from scoring.report import Factor

DELIVERY = 0.2
"""Share of the score; the other factors keep their proportions."""


def asking(rules: Competition, single: int = 1, counterfactual: int = 1, voice: int = 1) -> Competition:
    """The same rules with so many groups of each kind, whose descriptions ask for everything, for the one family that hears it."""
    groups = {"single": single, "counterfactual": counterfactual, "voice": voice, "asks": tuple(Attribute)}
    factors = {factor: weight * (1.0 - DELIVERY) for factor, weight in rules.factors.items()} | {Factor.DELIVERY: DELIVERY}
    changes = {"families": ("espeak",), "round": rules.round.model_copy(update=groups), "factors": factors}
    return Competition.model_validate(rules.model_copy(update=changes).model_dump())
