"""The web layer: the HTTP API on Flask. It calls services, and decides no rule of email, suppression or events."""
