"""The SMTP door: an application submits email with SMTP, and is answered as by the API.

`session` has the rules of the protocol, `framing` those of its octets: both are pure. `connection` runs a session on a
socket, `work` asks the services on threads, `server` listens. docs/smtp.md is the page for its users.
"""
