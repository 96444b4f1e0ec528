"""How a soak's chain changes while validators run: its tempo, the rate of weights, and then weights are sealed."""

from neurons.devchain import operations
from tests.soak.arena import Arena


class Seasons:
    """Changes still to come, by the share of the rounds after which they come."""

    def __init__(self, arena: Arena, rounds: int) -> None:
        self._arena = arena
        changes = [(0.3, "tempo", 12), (0.4, "weights_rate_limit", 8), (0.6, "commit_reveal_weights_enabled", 1)]
        self._to_come = [(int(share * rounds), name, value) for share, name, value in changes]

    def go_on(self, folded: int) -> None:
        """What is due after so many rounds."""
        while self._to_come and folded >= self._to_come[0][0]:
            _, name, value = self._to_come.pop(0)
            operations.change(self._arena.devchain, name, value)
