"""Builders of what tests need, with overrides."""
