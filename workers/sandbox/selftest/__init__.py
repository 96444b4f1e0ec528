"""A hostile guest of our own tries every way out of the sandbox that is known: one that succeeds stops the worker."""
