"""The rules of the suppression list: scopes, origins, precedence and remedies."""
