"""The budget of retries: how often failures of ours are tried again before work is parked for the operator."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """Counts of failures that are not the submission's."""

    per_evaluation: int = 3  # retries of one evaluation, or of one recording
    per_day: int = 8  # failures of one submission within 24 hours


RETRY_BUDGET = RetryBudget()
"""No setting: workers and dispatchers park by it, and must hold the same."""
