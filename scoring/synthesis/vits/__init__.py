"""VITS, as transformers speaks it."""
