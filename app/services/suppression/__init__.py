"""The suppression list: the gate, its writer, explaining, reviewing, unsubscribing and undoing."""
