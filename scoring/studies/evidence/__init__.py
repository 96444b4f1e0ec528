"""What the claims of docs/scoring.md stand on: attacks, statistics of the studies, and the page itself."""
