"""A release's signed record: what the release is made of, who vouches for it, and when a node may take it."""
