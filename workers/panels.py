"""Judges stay warm: building a round's panel takes seconds, so the last one is kept for the next evaluation of the round."""

from collections.abc import Sequence

from prompts.generate import digest
from prompts.groups import Group
from scoring.competition import Profile
from scoring.judges.panel import Panel


class LastPanel:
    """The panel of the last round asked for."""

    def __init__(self) -> None:
        self._key: tuple[Profile, str] | None = None
        self._panel: Panel | None = None

    def __call__(self, profile: Profile, groups: Sequence[Group]) -> Panel:
        """A profile's panel for these groups; raises InfrastructureFault(JUDGE_UNAVAILABLE)."""
        wanted = (profile, digest(groups))
        if self._panel is None or wanted != self._key:
            self._panel, self._key = Panel.embedded(groups), wanted
        return self._panel
