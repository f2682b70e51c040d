"""Where objects meet: one builder for each area, and the `Gateway` that holds what they build."""
