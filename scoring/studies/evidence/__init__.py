"""The evidence behind docs/scoring.md: attacks, statistics of the studies, and the page itself."""
