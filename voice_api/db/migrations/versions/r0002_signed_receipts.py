"""Signatures and certificates of receipts, rates of samples."""

from voice_api.db.migrate import write_out

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; rows that are there keep none."""
    write_out("0002_signed_receipts.sql")
