"""Commands that report: counts over time."""
