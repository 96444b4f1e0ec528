"""Whether a node may take a release now: only a newer one, and only once it has been known for some time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from neurons.release.record import ReleaseRecord, number_of, text_of
from scoring.errors import Code, PlatformError

_END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class HoldBack:
    """How long a release is to be known before it is taken: any, and one that mends a weakness."""

    ordinary: timedelta
    security: timedelta

    def until(self, release: ReleaseRecord, seen: datetime) -> datetime:
        """From when on it may be taken by a node that saw it first at this (aware) time.

        Its own word on when it was published makes it no older than that: whoever stole the release key would say what helps.
        """
        known = max(release.published_at, seen).astimezone(UTC)
        held = self.security if release.security else self.ordinary
        return _END if known > _END - held else known + held


def check(release: ReleaseRecord, running: str, until: datetime, now: datetime) -> None:
    """Raise PlatformError: RELEASE_NOT_NEWER unless it is newer than the version that runs, RELEASE_HELD_BACK before `until`."""
    if number_of(release.version) <= number_of(running):
        raise PlatformError(
            Code.RELEASE_NOT_NEWER, f"The release {release.version} is not newer than {running}, which this node has taken."
        )
    if now < until:
        raise PlatformError(Code.RELEASE_HELD_BACK, f"The release {release.version} is held back until {text_of(until)}.")
