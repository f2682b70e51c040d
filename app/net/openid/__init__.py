"""An OpenID provider: finds its endpoints, exchanges codes and verifies tokens."""
