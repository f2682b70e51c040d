"""The canary: an email that Postern sends to itself through SES, to see that events come back."""
