"""Sketches of models, and the near-copies that were found by them or by their sounds."""

from voice_api.db.migrate import write_out

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make both tables, and let an operator end a quarantine as a copy."""
    write_out("0015_near_copies.sql")
