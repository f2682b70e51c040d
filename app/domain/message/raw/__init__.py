"""Messages that a client wrote as MIME: what is accepted, what is changed, and how they are shown."""
