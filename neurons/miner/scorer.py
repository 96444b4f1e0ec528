"""Scoring with the validator's own code, in a process of its own: no daemon loads torch."""

import asyncio
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from neurons.miner.journal import ScoreRecord
from scoring.errors import EXPLANATIONS, Blame, Code, PlatformError, SubmissionFault
from scoring.types import BlockHash, ContentHash, Micro
from voice_api.runtime.process_end import die_with_parent

_ERROR = re.compile(r"^error (\d{4}) (.*)$", re.MULTILINE)
_Micro = Annotated[int, Field(ge=0, le=1_000_000)]


class Scorer(Protocol):
    """Scores a model on the prompts of a block hash."""

    async def score(self, target: str, name: str, block_hash: BlockHash) -> ScoreRecord:
        """Score `target` (a folder or repo@revision); its score is kept under `name`.

        Raises SubmissionFault where a validator would refuse it, PlatformError when it could not be scored here and now.
        """
        ...


class ScoringProcess:
    """`voice miner score` as a child, which ends with this process."""

    def __init__(self, competition: Path) -> None:
        self._competition = competition

    async def score(self, target: str, name: str, block_hash: BlockHash) -> ScoreRecord:
        """Score in a child; it is ended when this is cancelled."""
        options = ["--json", "--offline", "--block-hash", block_hash, "--competition", str(self._competition)]
        output = await _run([sys.executable, "-m", "neurons.cli", "miner", "score", target, *options])
        try:
            found = _ScoreReport.model_validate_json(output)
        except ValidationError as exc:
            raise PlatformError(Code.INTERNAL, "the scoring process printed no report") from exc
        groups = tuple(Micro(group.score) for group in found.groups)
        return ScoreRecord(
            model=name,
            block_hash=block_hash,
            rules=found.competition_hash,
            track=found.track,
            groups=groups,
            score=Micro(found.score),
            stderr=Micro(found.stderr),
        )


class _GroupScore(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    score: _Micro


class _ScoreReport(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    content_hash: ContentHash
    competition_hash: str
    track: str
    groups: tuple[_GroupScore, ...]
    score: _Micro
    stderr: _Micro


async def _run(command: Sequence[str]) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=partial(_die_with, os.getpid()),
        start_new_session=True,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()  # a child that is being started would lose a politer signal
            await process.wait()
    if process.returncode:
        raise _fault(errors.decode("utf-8", "replace"), process.returncode)
    return output


def _die_with(parent: int) -> None:
    """Run in the child before it becomes its program: end with the parent, also when that ended just now."""
    die_with_parent()
    if os.getppid() != parent:
        os._exit(1)


def _fault(errors: str, status: int) -> SubmissionFault | PlatformError:
    """The child's own code and words, without the advice that stands behind them: whoever tells them adds it."""
    told = _ERROR.findall(errors)
    if not told or int(told[-1][0]) not in set(Code):
        last = (errors.strip().splitlines() or ["it said nothing"])[-1]
        return PlatformError(Code.INTERNAL, f"the scoring process ended with status {status}: {last}")
    code = Code(int(told[-1][0]))
    detail = told[-1][1].removesuffix(EXPLANATIONS[code].advice).rstrip()
    return SubmissionFault(code, detail) if code.blame is Blame.SUBMISSION else PlatformError(code, detail)
