"""What Postern is measured against, and how each contestant is run."""
