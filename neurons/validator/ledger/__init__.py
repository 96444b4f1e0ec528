"""Receipts that count become the next ledger entry."""
