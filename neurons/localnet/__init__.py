"""The demo: the whole network on one machine. Only the command line imports it."""
