"""HTTP routes for health and metrics."""
