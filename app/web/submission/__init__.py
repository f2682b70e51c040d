"""HTTP routes that take emails in, check them and show them."""
