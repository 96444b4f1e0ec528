"""Why weights were refused, and when sealed ones are opened."""

from voice_api.db.migrate import write_out

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add both; attempts of before have neither."""
    write_out("0006_refused_weights.sql")
