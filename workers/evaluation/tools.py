"""The tools of an evaluation: a hub's client, a sandbox calibrated on this host, and judges that stay warm."""

from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from scoring.competition import Profile
from scoring.judges.panel import Panel
from scoring.judges.standard.models import TOGETHER, Device
from scoring.progress import NO_PROGRESS
from workers.evaluation.bases import BaseStore
from workers.evaluation.environments import EnvironmentStore
from workers.evaluation.judge_models import StandardModels
from workers.evaluation.parts import PartStore
from workers.hub.client import Hub, OnBytes
from workers.sandbox.reference_guest import ReferenceGuest
from workers.sandbox.sandbox import Sandbox


class LastPanel:
    """The panel of the last profile asked for. `standard` brings the standard profile's judges; without it there are none."""

    def __init__(self, standard: StandardModels | None = None) -> None:
        self._standard = standard
        self._profile: Profile | None = None
        self._panel: Panel | None = None

    def __call__(self, profile: Profile, on_bytes: OnBytes = NO_PROGRESS) -> Panel:
        """A profile's panel; `on_bytes` hears of models that are fetched on the way.

        Raises InfrastructureFault where a judge is not to be had.
        """
        if self._panel is None or profile is not self._profile:
            self._panel, self._profile = self._build(profile, on_bytes), profile
        return self._panel

    def _build(self, profile: Profile, on_bytes: OnBytes) -> Panel:
        match profile:
            case Profile.EMBEDDED:
                return Panel.embedded()
            case Profile.STANDARD:
                models = self._standard or StandardModels(None, "", Path())
                return Panel.standard(models(on_bytes), TOGETHER[models.device])
            case unreachable:
                assert_never(unreachable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Everything outside this process that an evaluation uses."""

    hub: Hub
    sandbox: Sandbox
    reference: ReferenceGuest
    panel: LastPanel
    parts: PartStore
    bases: BaseStore
    environments: EnvironmentStore


def open_tools(
    hub: str,  # the endpoint
    data: Path,  # models, parts, scratch folders and judges lie below it
    *,
    environments: EnvironmentStore | None = None,  # without them: those below `data`, where none is installed
    pins: Path | None = None,  # the standard profile's models; without it there are no judges of that profile
    device: Device = Device.CPU,
    cache_bytes: int | None = None,  # bounds what is kept of downloaded models; None is no bound
) -> Tools:
    """Open a hub's client with its cache, calibrate a sandbox, and name the judges, which load on first use.

    Raises InfrastructureFault when the sandbox cannot be enforced.
    """
    sandbox = Sandbox(data / "scratch")
    reference = ReferenceGuest(sandbox)
    reference.usual("cpu")
    panel = LastPanel(StandardModels(pins, hub, data / "judges", device))
    return Tools(
        hub=Hub(hub, data / "models", cache_bytes=cache_bytes),
        sandbox=sandbox,
        reference=reference,
        panel=panel,
        parts=PartStore(hub, data / "parts"),
        bases=BaseStore(hub, data / "bases"),
        environments=environments or EnvironmentStore(data / "environments", installs=False),
    )
