"""What the competition's rules do to fields of made-up miners: simulated with the functions that decide on chain."""
