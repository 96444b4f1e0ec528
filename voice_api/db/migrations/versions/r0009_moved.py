"""Whether an evaluation was sent to another queue."""

from voice_api.db.migrate import write_out

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add it; nothing of before was."""
    write_out("0009_moved.sql")
