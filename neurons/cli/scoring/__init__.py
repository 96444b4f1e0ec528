"""Commands around the scoring library: calibrate, attack, simulate, pin, show prompts, render the docs."""
