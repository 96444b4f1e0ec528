"""The miners of a soak and how good their models are: everything follows from a repository's name, so nobody has to be told."""

import hashlib
import random
from collections.abc import Mapping, Sequence

from prompts.groups import Group
from scoring.types import ContentHash

_WORST, _BEST = 0.40, 0.75
_GAIN = 0.02
"""How much better each further version is."""
_NOISE = 0.06
"""Standard deviation of a group's score."""


def repository(miner: int, version: int) -> str:
    """The name of a miner's model."""
    return f"soak-{miner}/voice-v{version}"


def family(repo: str) -> str:
    """Its family: every third miner's voices follow descriptions."""
    miner = int(repo.removeprefix("soak-").partition("/")[0])
    return "espeak" if miner % 3 == 0 else "vits"


def revision(repo: str) -> str:
    """Its revision: 40 hex digits."""
    return hashlib.sha256(repo.encode()).hexdigest()[:40]


def content(repo: str) -> ContentHash:
    """The hash of its content."""
    return ContentHash(hashlib.sha256(f"content of {repo}".encode()).hexdigest())


def truth(repo: str) -> float:
    """Its mean score over all prompts."""
    first, _, version = repo.partition("/voice-v")
    return min(0.95, _WORST + (_BEST - _WORST) * random.Random(first).random() + _GAIN * int(version))


def scores(repo: str, number: int, groups: Sequence[Group]) -> Mapping[str, float]:
    """What is found in a round: by group, around the truth, the same whenever it is judged again."""
    draw = random.Random(f"{repo}/{number}")
    return {group.id: min(1.0, max(0.0, draw.gauss(truth(repo), _NOISE))) for group in groups}
