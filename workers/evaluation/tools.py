"""The tools of an evaluation: a hub's client, a sandbox calibrated on this host, and judges."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from scoring.judges.standard.device import Device
from workers.evaluation.judge_models import StandardModels
from workers.evaluation.panels import LastPanel
from workers.hub.client import Hub
from workers.sandbox import reference_guest
from workers.sandbox.sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything outside this process that an evaluation uses. `usual` is the reference guest's calibrated time on this host."""

    hub: Hub
    sandbox: Sandbox
    usual: timedelta
    panel: LastPanel


def open_tools(
    hub: str,  # the endpoint
    data: Path,  # models, scratch folders and judges lie below it
    *,
    pins: Path | None = None,  # the standard profile's models; without it there are no judges of that profile
    device: Device = Device.CPU,
    cache_bytes: int | None = None,  # bounds what is kept of downloaded models; None is no bound
) -> Tools:
    """Open a hub's client with its cache, calibrate a sandbox, and name the judges, which load on first use.

    Raises InfrastructureFault when the sandbox cannot be enforced.
    """
    sandbox = Sandbox(data / "scratch")
    panel = LastPanel(StandardModels(pins, hub, data / "judges", device))
    return Tools(Hub(hub, data / "models", cache_bytes=cache_bytes), sandbox, reference_guest.calibrate(sandbox), panel)
