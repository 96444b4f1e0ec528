"""The scores of a submission by an index alone."""

from voice_api.db.migrate import write_out

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Make the index that the public table reads."""
    write_out("0020_scored_evaluations.sql")
