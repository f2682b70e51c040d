"""HTTP routes of the suppression list, its files, its reviews and the unsubscribe page."""
