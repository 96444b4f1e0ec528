"""Words: normalise a text, spell out its numbers."""
