"""The tracks that the service's rules know, of any round."""

from scoring.errors import Code, PlatformError
from voice_api.web.dependencies import Service


def tracks_of(service: Service) -> tuple[str, ...]:
    """Their names, in the order of the rules."""
    return tuple(dict.fromkeys(track.name for version in service.schedule.version for track in version.track))


def known_or_raise(service: Service, track: str | None) -> None:
    """Raise PlatformError(REQUEST_INVALID) for the name of no track; None asks for all of them."""
    if track is not None and track not in (tracks := tracks_of(service)):
        raise PlatformError(Code.REQUEST_INVALID, f"there is no track {track[:40]!r}: choose {' or '.join(tracks)}")
