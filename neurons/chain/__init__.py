"""The chain as we see it: the adapter around the SDK, our own types, the commitment format and wallets."""
