"""Commands around the scoring library: calibrate, attack, simulate, pin, render the docs."""
