"""Simulations of the competition's rules over made-up miners, with the functions that decide on chain."""
