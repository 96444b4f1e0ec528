"""Judges: each measures one aspect of speech and reports metrics."""
