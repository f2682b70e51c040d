"""`/v1/apps`: applications, their API keys and their budgets, for administrators."""
