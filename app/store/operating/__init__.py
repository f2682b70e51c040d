"""Rows of upkeep: audit, incidents, heartbeats, job cursors and backlogs."""
