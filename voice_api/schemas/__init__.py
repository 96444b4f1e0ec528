"""The wire contract, with examples: the API serves these models and its clients parse them."""

from voice_api.schemas.errors import Problem
from voice_api.schemas.leaderboard import LeaderboardOut, LeaderboardRowOut
from voice_api.schemas.queue import QueuePage, QueueRowOut
from voice_api.schemas.readiness import Part, Readiness
from voice_api.schemas.registry import RegistryIn, RegistryOut
from voice_api.schemas.submissions import (
    MOST_SUBMISSIONS,
    CommitmentIn,
    CommitmentOut,
    CommitmentsIn,
    CommitmentsOut,
    SubmissionDetail,
    SubmissionIn,
    SubmissionOut,
    SubmissionPage,
    SubmissionsIn,
    SubmissionsOut,
)
from voice_api.schemas.validations import MOST_CHARACTERS, ValidationOut
from voice_api.schemas.wire import MOST_ROWS, NO_NUL

__all__ = [
    "MOST_CHARACTERS",
    "MOST_ROWS",
    "MOST_SUBMISSIONS",
    "NO_NUL",
    "CommitmentIn",
    "CommitmentOut",
    "CommitmentsIn",
    "CommitmentsOut",
    "LeaderboardOut",
    "LeaderboardRowOut",
    "Part",
    "Problem",
    "QueuePage",
    "QueueRowOut",
    "Readiness",
    "RegistryIn",
    "RegistryOut",
    "SubmissionDetail",
    "SubmissionIn",
    "SubmissionOut",
    "SubmissionPage",
    "SubmissionsIn",
    "SubmissionsOut",
    "ValidationOut",
]
