"""Sentences that people asked to hear."""

from voice_api.db.migrate import write_out

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make their table."""
    write_out("0013_speeches.sql")
