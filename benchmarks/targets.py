"""What a validator keeps to with 256 miners and 1,000 rounds behind it, as its benchmark, its page and its tests have it."""

MOST_TICK_SECONDS = 2.0
MOST_REQUESTS = 3
"""Of one tick of the model queue, to the API."""
MOST_FILL_SECONDS = 60.0
"""Until such a history is made."""
