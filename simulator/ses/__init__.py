"""The simulated SES: its API, quota, account, suppression list and ledger."""
