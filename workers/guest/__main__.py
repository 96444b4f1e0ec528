"""`python -I -m workers.guest ORDERS ANSWERS`: two inherited pipes by number. Started by `workers.sandbox`, never by hand."""

import os
import sys

from scoring.synthesis.load import adapter
from workers.guest.serve import serve

if __name__ == "__main__":
    with os.fdopen(int(sys.argv[1]), "rb") as orders, os.fdopen(int(sys.argv[2]), "wb") as answers:
        serve(orders, answers, adapter)
