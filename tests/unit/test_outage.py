"""A write that finds PostgreSQL away is tried again for a while, and nothing else is."""

from datetime import timedelta

import pytest

from voice_api.errors import DatabaseUnavailable, LeaseLost
from workers.jobs.failures import retry_while_db_down


class Write:
    """Fails as it is told to, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.tries = list(errors), 0

    async def __call__(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "written"


def never() -> bool:
    """No haste."""
    return False


async def test_a_short_outage_is_waited_out() -> None:
    """The third try succeeds."""
    write = Write(DatabaseUnavailable(), DatabaseUnavailable())
    assert (await retry_while_db_down(write, timedelta(minutes=1), never), write.tries) == ("written", 3)


@pytest.mark.parametrize(
    ("error", "patience", "in_haste"),
    [
        pytest.param(DatabaseUnavailable(), timedelta(0), False, id="patience is over"),
        pytest.param(DatabaseUnavailable(), timedelta(minutes=1), True, id="the worker has to stop"),
        pytest.param(LeaseLost("evaluation 1"), timedelta(minutes=1), False, id="the lease is lost"),
        pytest.param(ValueError("nan"), timedelta(minutes=1), False, id="a verdict that cannot be written"),
    ],
)
async def test_it_is_given_up(error: Exception, patience: timedelta, in_haste: bool) -> None:
    """After one try."""
    write = Write(error)
    with pytest.raises(type(error)):
        await retry_while_db_down(write, patience, lambda: in_haste)
    assert write.tries == 1
