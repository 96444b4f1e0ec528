"""Experiments behind the docs; only the command line imports them."""
