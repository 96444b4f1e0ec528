"""The development chain: the SDK's own Substrate protocol on one SQLite file."""
