"""Rounds: read everything, decide, write once."""
