"""What the doors beside the API ask of submission: raw messages, and SMTP's verdicts."""
