"""Legal transitions with their events, workers, what operators decide, recordings to validate, answers to repeated writes."""

from voice_api.db.migrate import write_out

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add them; what was parked before says why."""
    write_out("0003_operations.sql")
