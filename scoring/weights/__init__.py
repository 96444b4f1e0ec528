"""A ranking becomes shares, and the vector for the chain."""
