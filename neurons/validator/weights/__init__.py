"""Ledger and metagraph become a vector on the chain, and each attempt a record."""
