"""The judges of the standard profile. Nothing in them depends on a round: load them once and keep them.

Pinned models hear the words; all else is measured by the embedded profile's judges, under their own versions.
"""

from collections.abc import Mapping

from scoring.judges.cleanliness import CleanlinessJudge
from scoring.judges.delivery import DeliveryJudge
from scoring.judges.naturalness import NaturalnessJudge
from scoring.judges.panel import Judges
from scoring.judges.speaker import SpeakerJudge
from scoring.judges.standard.alignment import ForcedAligner
from scoring.judges.standard.asr import StrongRecogniser
from scoring.judges.standard.ctc import WeakRecogniser
from scoring.judges.standard.models import LANES, Device, Fetch, Pin, Role, fetch_checked
from scoring.judges.standard.network import require
from scoring.judges.standard.words import WordsJudge

PROTOCOL = 3
"""Counts what this package does to a clip before and after the networks: any change that may change a number is a new protocol."""


def load(pins: Mapping[Role, Pin], fetch: Fetch, device: Device) -> Judges:
    """All judges, their pinned networks on one kind of device; raises InfrastructureFault when any of them is not to be had."""
    require(device)
    folders = {role: fetch_checked(pins[role], fetch) for role in Role}
    aligner = ForcedAligner(WeakRecogniser(folders[Role.WEAK_ASR], device))
    models = " ".join(pins[role].label for role in (Role.STRONG_ASR, Role.WEAK_ASR))
    version = f"{models} float32 {device} lanes={LANES[device]} protocol={PROTOCOL}"
    words = WordsJudge(StrongRecogniser(folders[Role.STRONG_ASR], device), aligner, version)
    return Judges((words, NaturalnessJudge(), DeliveryJudge(aligner), CleanlinessJudge()), (SpeakerJudge(),), words.heard)
