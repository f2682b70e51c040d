"""The web layer: Flask, and what HTTP asks of the services. It decides no rule of mail, list or feedback."""
