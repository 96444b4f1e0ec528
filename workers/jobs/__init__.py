"""Queue work around an evaluation: claim, lease, retry, drain, supervise."""


def evaluate_next(queue: str) -> str:
    """The RQ job under the name that jobs in Redis carry; its imports wait until it runs."""
    from workers.jobs import wakeup

    return wakeup.evaluate_next(queue)
