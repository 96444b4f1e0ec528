"""Small rounds of short prompts: judges take a time in proportion to what they hear, and most tests of them need no whole sentence."""

from dataclasses import replace

from prompts.generate import generate
from prompts.groups import Group, GroupPlan

WORDS = 6


def short_groups(seed: str, plan: GroupPlan) -> tuple[Group, ...]:
    """The round's own groups (its block hash in hex), of each text the first words."""
    return tuple(
        replace(group, prompts=tuple(replace(prompt, text=" ".join(prompt.text.split()[:WORDS])) for prompt in group.prompts))
        for group in generate(bytes.fromhex(seed), plan)
    )
