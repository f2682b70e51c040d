"""Calls to the endpoints of applications: what may be connected to, and one POST."""
