"""A miner: checkpoint, trial, publication, news."""
