"""`voice doctor` and `voice status`: the health of a node, for whoever runs it."""
