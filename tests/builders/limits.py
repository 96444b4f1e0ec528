"""A builder of a submission's limits: wide ones, of a sandbox of half a GiB."""

from scoring.competition import SubmissionLimits


def limits(**overrides: object) -> SubmissionLimits:
    """Limits with some of them changed."""
    fields: dict[str, object] = {
        "repo_bytes": 100 << 20,
        "header_bytes": 1_000,
        "load_seconds": 20.0,
        "sample_seconds": 20.0,
        "late_factor": 10.0,
        "late_share": 0.25,
        "ram_bytes": 512 << 20,
        "max_audio_seconds": 10.0,
        "expected_low": 0.4,
        "expected_high": 2.5,
    }
    return SubmissionLimits.model_validate(fields | overrides)
