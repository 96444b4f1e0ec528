"""Near-copies that were told by both models' files."""

from voice_api.db.migrate import write_out

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Note what a distance was measured on."""
    write_out("0019_compared_files.sql")
