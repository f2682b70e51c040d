"""Email by SMTP, for what must not go through SES."""
