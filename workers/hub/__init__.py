"""Fetch a model: the hub client, its checks and its cache."""
