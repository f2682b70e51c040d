"""Version 1 of the SES API: forms in, XML out, at `/` (https://docs.aws.amazon.com/ses/latest/APIReference)."""
