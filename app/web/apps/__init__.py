"""`/v1/apps`: applications and their API keys, for administrators."""
