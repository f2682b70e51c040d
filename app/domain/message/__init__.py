"""What an email is made of: addresses, headers, MIME and attachments."""
