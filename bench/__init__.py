"""Benchmarks: each measures Postern against a baseline in the same run, and reports ratios, never bare times."""
