"""The first schema."""

from voice_api.db.migrate import write_out

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    write_out("0001_initial.sql")
