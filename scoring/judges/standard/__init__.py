"""The standard profile: the field's open models, pinned and fetched lazily."""
