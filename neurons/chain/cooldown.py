"""A hotkey's cooldown: a commitment that comes too soon after the one before is never judged."""

from scoring.types import Block


def first_allowed(previous: Block | None, cooldown_blocks: int) -> Block:
    """The first block outside the cooldown that the commitment of block `previous` started (None: there is none)."""
    return Block(0) if previous is None else Block(previous + cooldown_blocks)


def in_cooldown(previous: Block | None, block: Block, cooldown_blocks: int) -> bool:
    """Whether a commitment of `block` comes less than `cooldown_blocks` after the hotkey's previous one."""
    return block < first_allowed(previous, cooldown_blocks)
