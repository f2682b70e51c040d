"""Events that Postern posts to applications: where they may go, and how they are signed."""
