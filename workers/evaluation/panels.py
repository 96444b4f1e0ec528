"""Judges stay warm: building a round's panel takes seconds, so the last one is kept for the next evaluation of the round."""

from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

from prompts.groups import Group
from scoring.competition import Profile
from scoring.judges.panel import Panel
from scoring.judges.standard.device import TOGETHER
from scoring.progress import NO_PROGRESS
from scoring.receipts.receipt import prompts_hash
from workers.evaluation.judge_models import StandardModels
from workers.hub.client import OnBytes


class LastPanel:
    """The panel of the last round asked for. `standard` brings the standard profile's judges; without it there are none."""

    def __init__(self, standard: StandardModels | None = None) -> None:
        self._standard = standard
        self._key: tuple[Profile, str] | None = None
        self._panel: Panel | None = None

    def __call__(self, profile: Profile, groups: Sequence[Group], on_bytes: OnBytes = NO_PROGRESS) -> Panel:
        """A profile's panel for these groups; `on_bytes` hears of models that are fetched on the way.

        Raises InfrastructureFault where a judge is not to be had.
        """
        wanted = (profile, prompts_hash(groups))
        if self._panel is None or wanted != self._key:
            self._panel, self._key = self._build(profile, groups, on_bytes), wanted
        return self._panel

    def _build(self, profile: Profile, groups: Sequence[Group], on_bytes: OnBytes) -> Panel:
        match profile:
            case Profile.EMBEDDED:
                return Panel.embedded(groups)
            case Profile.STANDARD:
                models = self._standard or StandardModels(None, "", Path())
                return Panel.standard(models(on_bytes), TOGETHER[models.device])
            case unreachable:
                assert_never(unreachable)
