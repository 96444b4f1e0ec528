"""The start of each process: wait for its services, expose its metrics."""
