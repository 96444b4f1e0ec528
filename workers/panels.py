"""Judges stay warm: building a round's panel takes seconds, so the last one is kept for the next evaluation of the round."""

from collections.abc import Sequence

from prompts.generate import digest
from prompts.groups import Group
from scoring.judges.panel import Panel


class LastPanel:
    """The panel of the last round asked for."""

    def __init__(self) -> None:
        self._digest = ""
        self._panel: Panel | None = None

    def __call__(self, groups: Sequence[Group]) -> Panel:
        """The embedded profile's panel for these groups."""
        wanted = digest(groups)
        if self._panel is None or wanted != self._digest:
            self._panel, self._digest = Panel.embedded(groups), wanted
        return self._panel
