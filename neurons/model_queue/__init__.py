"""What the chain says, told to the voice API: the registry, and each new commitment."""
