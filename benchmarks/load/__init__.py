"""A fleet on paper: rounds, queues, workers and hosts that die, simulated by the rules that decide; and what so much of it costs."""
