"""Refusals of the chain, by the chain's own names."""


class Rejected(Exception):
    """A call that the chain does not carry out; `name` is the chain's own name for the error."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def ensure(holds: bool, name: str) -> None:
    """Raise Rejected unless it holds."""
    if not holds:
        raise Rejected(name)
