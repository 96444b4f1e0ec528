"""The judges of the standard profile, from pinned models. Nothing in them depends on a round: load them once and keep them."""

from collections.abc import Mapping

from scoring.judges.cleanliness import CleanlinessJudge
from scoring.judges.delivery import DeliveryJudge
from scoring.judges.panel import Judges
from scoring.judges.standard.alignment import ForcedAligner
from scoring.judges.standard.asr import StrongRecogniser
from scoring.judges.standard.ctc import WeakRecogniser
from scoring.judges.standard.emotion import EmotionJudge
from scoring.judges.standard.models import LANES, Device, Fetch, Pin, Role, fetch_checked
from scoring.judges.standard.mos import MosJudge, Squim, load_utmos
from scoring.judges.standard.network import require
from scoring.judges.standard.speaker import XVectorJudge
from scoring.judges.standard.words import WordsJudge

PROTOCOL = 2
"""Counts what this package does to a clip before and after the networks: any change that may change a number is a new protocol."""


def load(pins: Mapping[Role, Pin], fetch: Fetch, device: Device) -> Judges:
    """All judges, their networks on one kind of device; raises InfrastructureFault when any of them is not to be had."""
    require(device)
    folders = {role: fetch_checked(pins[role], fetch) for role in Role}

    def version(*roles: Role) -> str:
        models = " ".join(pins[role].label for role in roles)
        return f"{models} float32 {device} lanes={LANES[device]} protocol={PROTOCOL}"

    aligner = ForcedAligner(WeakRecogniser(folders[Role.WEAK_ASR], device))
    words = WordsJudge(StrongRecogniser(folders[Role.STRONG_ASR], device), aligner, version(Role.STRONG_ASR, Role.WEAK_ASR))
    squim, opinion = Squim(folders[Role.SQUIM], device), load_utmos(folders[Role.UTMOS], device)
    mos = MosJudge(squim, opinion, device, version(Role.SQUIM, Role.UTMOS))
    emotion = EmotionJudge(folders[Role.EMOTION], device, version(Role.EMOTION))
    speaker = XVectorJudge(folders[Role.SPEAKER], device, version(Role.SPEAKER))
    return Judges((words, mos, DeliveryJudge(aligner), CleanlinessJudge(), emotion), (speaker,))
