"""The errors of this folder, named by whose fault they are."""

from datetime import timedelta

from scoring.errors import Code, InfrastructureFault, PlatformError


class LeaseLost(InfrastructureFault):
    """This claim no longer holds what it claimed (an evaluation, a validation, a speech): stop working on it and write nothing."""

    def __init__(self, what: str) -> None:
        super().__init__(Code.LEASE_EXPIRED, f"{what} is no longer held by this claim")


class DatabaseUnavailable(PlatformError):
    """PostgreSQL cannot be reached, went away, or cannot do what it is asked."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(Code.DATABASE_UNAVAILABLE, detail)


class DatabaseBusy(DatabaseUnavailable):
    """PostgreSQL is there, and no connection to it is free: of this process's own, or of all that the server takes."""

    def __init__(self, detail: str = "") -> None:
        PlatformError.__init__(self, Code.DATABASE_BUSY, detail)


class RedisUnavailable(PlatformError):
    """Redis cannot be reached, or went away."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(Code.REDIS_UNAVAILABLE, detail)


class TooManyRequests(PlatformError):
    """Too many requests: the next one is served after `retry_after`."""

    def __init__(self, retry_after: timedelta, detail: str = "") -> None:
        super().__init__(Code.RATE_LIMITED, detail)
        self.retry_after = retry_after


class LedgerInvalid(PlatformError):
    """A ledger, or an attempt to set weights, that cannot be read, or does not follow from what it says; the message names where."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.LEDGER_INVALID, detail)


class OutOfOrder(PlatformError):
    """The ledger refuses this entry: its round is not closed, an earlier one is not folded, or it does not follow the head."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.REQUEST_INVALID, detail)
