"""Stub workers in numbers: real `voice worker` processes that sleep in the place of evaluating, forked from one that imported everything.

It takes orders as `tests.chaos.chaos_worker` does.
"""

import argparse

from benchmarks import service_worker
from tests.chaos.chaos_worker import become, next_order

if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    order = next_order()
    if order is not None:
        become(order)
        service_worker.run(try_walls=lambda _scratch: None)
