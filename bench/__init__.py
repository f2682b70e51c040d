"""Benchmarks: each measures Postern against a baseline in the same run, and tells ratios, never bare times."""
