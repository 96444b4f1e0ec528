"""What is told of a sample: why it failed, and what was heard in it."""

from voice_api.db.migrate import write_out

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add both; samples of before have neither."""
    write_out("0005_sample_words.sql")
