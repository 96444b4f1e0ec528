"""`python -I -m workers.sandbox.guest ORDERS ANSWERS`: two inherited pipes by number.

Started by `workers.sandbox.sandbox`, never by hand."""

import os
import signal
import sys

from scoring.synthesis.load import adapter
from workers.sandbox.guest.serve import serve

if __name__ == "__main__":
    # transformers imports it for losses of training: a second at each start, and memory, for what no guest computes.
    sys.modules["scipy"] = None  # type: ignore[assignment]  # importing it is a ModuleNotFoundError
    for polite in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # A host that shuts down asks every process to end: the worker ends its guests, and no model is blamed for having obeyed.
        signal.signal(polite, signal.SIG_IGN)
    with os.fdopen(int(sys.argv[1]), "rb") as orders, os.fdopen(int(sys.argv[2]), "wb") as answers:
        serve(orders, answers, adapter)
