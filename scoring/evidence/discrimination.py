"""What each manipulation must cost at least: the table that the attack suite holds the score to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prompts.groups import Group
from scoring.audio import from_pcm
from scoring.competition import Competition
from scoring.judges.panel import Panel
from scoring.manipulations.manipulation import Manipulation, apply
from scoring.manipulations.pcm import to_pcm
from scoring.spoken import Spoken
from scoring.types import MICRO

M = Manipulation
LEAST: Mapping[Manipulation, float] = dict.fromkeys(Manipulation, 0.0)
"""Points of the combined score (0 … 1) that a manipulation of every clip takes from a voice, at least."""


def attacked(spoken: Mapping[str, Spoken], name: Manipulation) -> dict[str, Spoken]:
    """What was spoken, with every clip manipulated; failures stay as they are."""
    return {key: _attack(said, name) if said.pcm else said for key, said in spoken.items()}


def drops(
    panel: Panel, groups: Sequence[Group], spoken: Mapping[str, Spoken], rules: Competition, names: Iterable[Manipulation]
) -> Iterator[tuple[Manipulation, float]]:
    """One after the other, by how much each manipulation lowers the score, in points of 0 … 1; negative where it gains."""
    plain = score(panel, groups, spoken, rules)
    for name in names:
        yield name, plain - score(panel, groups, attacked(spoken, name), rules)


def score(panel: Panel, groups: Sequence[Group], spoken: Mapping[str, Spoken], rules: Competition) -> float:
    """The combined score of what was spoken, 0 … 1."""
    return panel.judge(groups, spoken, rules, lambda _done, _total: None).score / MICRO


def _attack(said: Spoken, name: Manipulation) -> Spoken:
    changed = apply(name, from_pcm(said.pcm, said.rate))
    return Spoken(said.prompt_id, changed.rate, to_pcm(changed), said.seconds)
