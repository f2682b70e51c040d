"""The events that applications subscribe to, what is in them, and how a delivery is tried again: rules only."""
