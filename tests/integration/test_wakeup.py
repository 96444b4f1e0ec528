"""How many rows a worker takes for one wake-up."""

from collections.abc import Iterator

import pytest

from workers.jobs.wakeup import while_quick


class Rows:
    """Work that ends as scripted, and takes so long each time; a clock beside it."""

    def __init__(self, outcomes: list[str], seconds: float) -> None:
        self._outcomes: Iterator[str] = iter(outcomes)
        self._seconds = seconds
        self.now = 0.0
        self.worked = 0

    async def __call__(self) -> str:
        self.now += self._seconds
        self.worked += 1
        return next(self._outcomes)

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("outcomes", "seconds", "said", "worked"),
    [
        pytest.param(["nothing due"], 0.01, "nothing due", 1, id="nothing due"),
        pytest.param(["scored", "scored"], 40.0, "scored", 1, id="an evaluation of the usual length"),
        pytest.param(["rejected", "copy", "scored", "nothing due"], 0.01, "scored", 4, id="until nothing is due"),
        pytest.param(["rejected", "rejected", "stopping"], 0.01, "rejected", 3, id="until it is asked to stop"),
        pytest.param(["rejected"] * 9, 0.2, "rejected", 3, id="for half a second"),
        pytest.param(["rejected", "handed back", "rejected"], 0.01, "handed back", 2, id="until it fails"),
        pytest.param(["moved", "moved", "scored", "nothing due"], 0.01, "scored", 4, id="others are to judge it"),
        pytest.param(["parked", "rejected"], 0.01, "parked", 1, id="it fails"),
        pytest.param(["lease lost", "rejected"], 0.01, "lease lost", 1, id="it was overtaken"),
    ],
)
async def test_rows_of_one_wake_up(outcomes: list[str], seconds: float, said: str, worked: int) -> None:
    """One, or several while verdicts come quickly; what it says is what was done, if anything was."""
    rows = Rows(outcomes, seconds)
    assert (await while_quick(rows, rows.clock), rows.worked) == (said, worked)
