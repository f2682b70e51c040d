"""Benchmarks of a database that has years of history."""
