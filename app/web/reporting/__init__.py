"""HTTP of the reports: counts over time."""
