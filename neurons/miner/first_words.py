"""A model's first words: it loads in a validator's sandbox on this machine and says one prompt."""

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from neurons.settings import MinerSettings
from prompts.groups import Prompt
from scoring.audio.spoken import Spoken
from scoring.competition import Track
from scoring.errors import Code, InfrastructureFault, SubmissionFault
from scoring.types import BlockHash
from workers.evaluation.environments import EnvironmentStore
from workers.evaluation.parts import PartStore
from workers.evaluation.progress import Progress, Stage
from workers.evaluation.requests import requests_of
from workers.sandbox.sandbox import CardFailed, GuestStage, GuestTimedOut, Sandbox

_HASH = BlockHash("0x" + "0" * 64)
"""The prompts are those of a round that never was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstWords:
    """One prompt as a model said it. Seconds are wall-clock."""

    prompt: Prompt
    said: Spoken
    load_seconds: float
    late_after: float  # an answer to this prompt is late after so many seconds


def first_words(
    folder: Path, family: str, rules: Track, settings: MinerSettings, progress: Progress, *, sandbox: Sandbox | None = None
) -> FirstWords:
    """Load a checked model and let it speak, as a worker does, in a sandbox of the settings unless one is given. Scratch files and the
    family's pinned parts lie in the settings' data folder. The family's environment is installed where it is missing.

    Raises SubmissionFault where it does not load, speak as it must, or in time; InfrastructureFault where this machine is not ready.
    """
    (group, *_), limits = rules.groups(_HASH), rules.limits
    asked = requests_of(family, [group], _HASH, limits)[0]
    sandbox = sandbox or Sandbox(settings.data / "scratch")
    sandbox.hold_card(limits)
    parts = PartStore(settings.hub, settings.data / "parts")(family, rules, partial(progress, Stage.FETCH))
    environment = EnvironmentStore(settings.environments, installs=True)(family, partial(progress, Stage.PREPARE))
    guest = partial(sandbox.guest, folder, family, limits, rules.synthesis, parts=parts, environment=environment)
    began = time.monotonic()
    try:
        with guest(seconds=asked.seconds) as talk:
            loaded = time.monotonic()
            (said,) = talk.say([asked.request], asked.seconds)
    except CardFailed as failed:
        why = f"{failed}. Nobody asked a reference model whose fault that is: `voice miner score` does"
        raise InfrastructureFault(Code.CARD_UNAVAILABLE, why) from failed
    except GuestTimedOut as late:
        seconds = limits.load_seconds if late.stage is GuestStage.LOAD else asked.seconds
        raise SubmissionFault(late.code, f"{late}, which is {seconds:g} s, on this machine") from late
    return FirstWords(prompt=group.prompts[0], said=said, load_seconds=loaded - began, late_after=asked.seconds)
