"""One demo for all end-to-end tests of a run."""

from pathlib import Path

import pytest

from tests.builders.finished_demo import FinishedDemo, finished_demo


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> FinishedDemo:
    """What the demo left and said; run by the first of the run's processes that asks."""
    base = tmp_path_factory.getbasetemp()
    shared: Path = base if worker_id == "master" else base.parent
    return finished_demo(shared)
