"""The work that each worker takes."""

from voice_api.db.migrate import write_out

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the column; workers that run on say it at their next sign of life."""
    write_out("0018_duties.sql")
