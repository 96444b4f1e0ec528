"""The secret by which sketches are drawn."""

from voice_api.db.migrate import write_out

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make the key, and forget what was drawn without it."""
    write_out("0016_keyed_sketches.sql")
