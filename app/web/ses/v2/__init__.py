"""Version 2 of the SES API: JSON at `/v2/email` (https://docs.aws.amazon.com/ses/latest/APIReference-V2)."""
