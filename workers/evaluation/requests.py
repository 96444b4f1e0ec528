"""A round's prompts as a model is asked them: in its family's words, each with the time for the answer."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from prompts.groups import Group, Prompt
from scoring.competition import SubmissionLimits
from scoring.synthesis.render import render
from scoring.synthesis.synthesiser import Request
from scoring.types import BlockHash
from workers.evaluation.deadlines import answer_seconds


@dataclass(frozen=True, slots=True)
class TimedRequest:
    """A prompt as a model sees it, and the seconds after which its answer is late."""

    request: Request
    seconds: float


def requests_of(family: str, groups: Sequence[Group], block_hash: BlockHash, limits: SubmissionLimits) -> list[TimedRequest]:
    """Every prompt of the groups in a family's words, each with the time for it and a random stream of its own.

    The stream begins at 63 bits of sha256(block hash, prompt id).
    """
    return [
        TimedRequest(_request(family, prompt, block_hash), answer_seconds(prompt, family, limits))
        for group in groups
        for prompt in group.prompts
    ]


def _request(family: str, prompt: Prompt, block_hash: BlockHash) -> Request:
    rendered = render(family, prompt)
    stream = hashlib.sha256(f"{block_hash}/{prompt.id}".encode()).digest()
    return Request(prompt.id, rendered.text, rendered.description or "", int.from_bytes(stream[:8]) >> 1)
