"""The pages of the console with figures: the overview, counts over time, outcomes."""
