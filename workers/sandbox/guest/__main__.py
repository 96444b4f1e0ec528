"""`python -I -m workers.sandbox.guest ORDERS ANSWERS`: two inherited pipes by number.

Started by `workers.sandbox.sandbox`, never by hand."""

import os
import signal
import sys

from scoring.synthesis.load import adapter
from workers.sandbox.guest.serve import serve

if __name__ == "__main__":
    # transformers imports scipy for losses of training, and sklearn, which stands on it, to tune a decoding that no guest uses: a
    # second at each start, and memory, where they are installed at all.
    for unused in ("scipy", "sklearn"):
        sys.modules[unused] = None  # type: ignore[assignment]  # importing it is a ModuleNotFoundError
    for polite in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # A host that shuts down asks every process to end: the worker ends its guests, and no model is blamed for having obeyed.
        signal.signal(polite, signal.SIG_IGN)
    with os.fdopen(int(sys.argv[1]), "rb") as orders, os.fdopen(int(sys.argv[2]), "wb") as answers:
        serve(orders, answers, adapter)
