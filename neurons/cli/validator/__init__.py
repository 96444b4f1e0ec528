"""Commands of a validator: ledger, weights, certificates."""
