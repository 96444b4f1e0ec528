"""Rounds become a ranking: records, duels, king and credits."""
