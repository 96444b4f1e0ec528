"""A block hash becomes the prompts of a round."""
