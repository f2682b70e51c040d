"""What a viewer sees of an address: `k•••@example.net`. Every text of a page passes here; see `frame/rendering.py`."""

from urllib.parse import urlsplit

from flask import g

from app.domain.privacy.redaction import with_masked_addresses
from app.domain.users.roles import Role
from app.web.console.frame.access import current_session


def sees_addresses() -> bool:
    """Whether the person of this request may see addresses. Without a session nobody may."""
    if "sees_addresses" not in g:
        session = current_session()
        g.sees_addresses = session is not None and session.user.role.includes(Role.SUPPORT)
    return bool(g.sees_addresses)


def shown_endpoint(url: str) -> str:
    """The URL of an endpoint. Below an operator only its host is seen: a path may be a secret, as that of Slack is."""
    session = current_session()
    if session is not None and session.user.role.includes(Role.OPERATOR):
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…" if parts.netloc else with_masked_addresses(url)


def shown(text: str) -> str:
    """The text as the person of this request may see it."""
    return text if sees_addresses() else with_masked_addresses(text)
