"""A builder of an evaluation's tools: a real sandbox, and a hub that nobody answers for."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from workers.evaluation.bases import BaseStore
from workers.evaluation.environments import EnvironmentStore
from workers.evaluation.parts import PartStore
from workers.evaluation.tools import LastPanel, Tools
from workers.hub.client import Hub
from workers.sandbox.reference_guest import ReferenceGuest
from workers.sandbox.sandbox import Sandbox

_NOBODY = "http://127.0.0.1:9"


def build_tools(folder: Path, **overrides: Any) -> Tools:
    """Tools that keep everything under a folder, on a host that needs a second for the reference guest."""
    sandbox = Sandbox(folder / "scratch")
    fields: dict[str, Any] = {
        "hub": Hub(_NOBODY, folder / "hub"),
        "sandbox": sandbox,
        "reference": ReferenceGuest(sandbox, {"cpu": timedelta(seconds=1), "cuda": timedelta(seconds=1)}),
        "panel": LastPanel(),
        "parts": PartStore(_NOBODY, folder / "parts"),
        "bases": BaseStore(_NOBODY, folder / "bases"),
        "environments": EnvironmentStore(folder / "environments", installs=False),
    }
    return Tools(**fields | overrides)
