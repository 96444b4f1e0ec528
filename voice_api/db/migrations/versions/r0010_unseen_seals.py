"""Sealed weights that were taken, and that nobody saw waiting."""

from voice_api.db.migrate import write_out

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Let them have no round of the beacon."""
    write_out("0010_unseen_seals.sql")
