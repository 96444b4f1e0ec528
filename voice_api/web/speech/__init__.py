"""A sentence in a model's voice, whichever route it is asked by: who speaks, whether there is room, and the file's format."""
