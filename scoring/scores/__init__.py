"""Metrics become utilities, gates and a score."""
