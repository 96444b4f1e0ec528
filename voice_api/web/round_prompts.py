"""What a round asked of a track: texts, descriptions and groups, drawn again from the round's block hash under the rules of that round."""

from dataclasses import dataclass
from functools import lru_cache

from prompts.generate import generate
from prompts.groups import Group, GroupPlan, Prompt
from scoring.competition import Schedule, Track
from scoring.types import BlockHash, hash_bytes
from voice_api.db.rounds import Round

_KEPT = 64
"""Rounds and tracks whose prompts a process keeps: drawing them takes some milliseconds."""


@dataclass(frozen=True, slots=True)
class RoundPrompts:
    """A round's groups in a track, and the track's rules; none, and why, where the round was opened under rules that are not ours."""

    rules: Track | None
    groups: tuple[Group, ...]
    why: str
    """'' where the groups are known."""

    def prompt(self, prompt_id: str) -> Prompt | None:
        """What was asked under this id."""
        return next((prompt for group in self.groups for prompt in group.prompts if prompt.id == prompt_id), None)

    def group(self, group_id: str) -> Group | None:
        """The group of this id."""
        return next((group for group in self.groups if group.id == group_id), None)


def round_prompts(schedule: Schedule, asked: Round, track: str | None) -> RoundPrompts:
    """The prompts of a stored round in a track."""
    rules = schedule.at(asked.round)
    if track is None:
        return RoundPrompts(None, (), "the track is not known: the repository was refused before its family was read")
    if rules.hash != asked.competition_hash:
        return RoundPrompts(
            None, (), f"the round was opened under other rules ({asked.competition_hash[:12]}…) than this API has"
        )
    if track not in {each.name for each in rules.track}:
        return RoundPrompts(None, (), f"the round's rules know no track {track}")
    of_track = rules.named(track)
    return RoundPrompts(of_track, _drawn(of_track.prompts.plan, asked.block_hash), "")


@lru_cache(maxsize=_KEPT)
def _drawn(plan: GroupPlan, block_hash: BlockHash) -> tuple[Group, ...]:
    return generate(hash_bytes(block_hash), plan)
