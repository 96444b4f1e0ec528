"""Manipulations of a recording: damage that a listener hears, and tricks that opinion networks do not hear."""
