"""What listeners prefer in blind pairs."""

from voice_api.db.migrate import write_out

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the table of votes."""
    write_out("0012_votes.sql")
