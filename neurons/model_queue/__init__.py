"""The model queue: it reads registry and commitments from the chain and tells the voice API."""
