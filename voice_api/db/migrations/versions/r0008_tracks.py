"""The family of a submission, and the track of an evaluation."""

from voice_api.db.migrate import write_out

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add both; a submission that was judged before is read again in its next round."""
    write_out("0008_tracks.sql")
