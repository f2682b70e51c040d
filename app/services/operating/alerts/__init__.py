"""What an operator is alerted to: incidents, circuits, and a feedback path that is silent."""
