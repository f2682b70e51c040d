"""Links that sign a user of the console in."""


def sign_in_link(public_url: str, token: str) -> str:
    """The link of a token below the public URL."""
    return f"{public_url.rstrip('/')}/console/sign-in/link/{token}"
