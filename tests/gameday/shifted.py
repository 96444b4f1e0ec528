"""`voice` on a host whose clock is wrong: the seconds that it is ahead stand in a file, which is read whenever it is looked at.

Only what is compared with the chain is moved: the daemons' view of its newest block, and the doctor's clock. API, PostgreSQL and the
development chain, which has no clock but this machine's, keep the right time. GAMEDAY_CLOCK names the file.
"""

import os
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from neurons.cli.doctor import node
from neurons.cli.main import main
from voice_api.runtime import chain_metrics


def shift(file: Path) -> None:
    """From now on these two clocks are ahead by what the file says; not at all while there is none."""

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # what is shifted is a plain time
            ahead = float(file.read_text(encoding="utf-8")) if file.exists() else 0.0
            return datetime.now(tz) + timedelta(seconds=ahead)  # as the caller asked

    for module in (chain_metrics, node):
        vars(module)["datetime"] = Shifted


if __name__ == "__main__":
    shift(Path(os.environ["GAMEDAY_CLOCK"]))
    main()
