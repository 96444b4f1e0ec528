"""What the leaderboard needs beside the ledger: the owner's hotkey, and each duel's rounds."""

from voice_api.db.migrate import write_out

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the column and the table."""
    write_out("0011_standings.sql")
