"""Ledgers by validator, who stood when a round closed, and how an attempt to set weights went on."""

from voice_api.db.migrate import write_out

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add them; every round that was folded is folded again from its receipts."""
    write_out("0004_incentives.sql")
