"""The command line: thin shells over the services and the public API, and the supervision of `up` and `demo`."""
