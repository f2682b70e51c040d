"""Applications, their API keys, streams, limits and budgets."""
