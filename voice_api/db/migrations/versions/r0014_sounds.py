"""Samples are found by their sounds."""

from voice_api.db.migrate import write_out

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the index."""
    write_out("0014_sounds.sql")
