"""What each process does at its start: wait for its services, expose its metrics."""
