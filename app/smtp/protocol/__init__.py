"""The rules of SMTP, pure: where lines and messages end, what commands mean, and what each is answered."""
