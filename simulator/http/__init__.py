"""The simulator's HTTP server, its client, and the faults that it can inject."""
