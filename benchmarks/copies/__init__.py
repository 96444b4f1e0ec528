"""The corpus behind the thresholds for near-copies: honest trainings of one voice, rewrites of them, and what tells the two apart."""
