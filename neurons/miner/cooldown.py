"""When a hotkey may commit again."""

from collections.abc import Mapping

from neurons.chain.types import CommitmentRecord
from scoring.errors import Code
from scoring.types import Block
from voice_api.db.submissions import NO_COOLDOWN


def may_commit(on_chain: CommitmentRecord | None, known: Mapping[Block, Code | None], cooldown_blocks: int) -> Block:
    """The first block outside the cooldown. `known` is what the API holds of the hotkey: commit blocks, and why they were refused.

    A commitment that was refused unread starts no cooldown; one that the API does not know yet is taken to start one.
    """
    started = [block for block, code in known.items() if code not in NO_COOLDOWN]
    if on_chain is not None and on_chain.block not in known:
        started.append(on_chain.block)
    return Block(max(started) + cooldown_blocks) if started else Block(0)
