"""The coldkey of each hotkey that was ever registered."""

from voice_api.db.migrate import write_out

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Make the table, with those that are registered now."""
    write_out("0017_coldkeys.sql")
