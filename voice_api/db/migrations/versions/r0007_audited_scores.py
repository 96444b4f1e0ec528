"""By how much audited scores deviate."""

from voice_api.db.migrate import write_out

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add both; audits of before have neither, and say nothing of drift."""
    write_out("0007_audited_scores.sql")
