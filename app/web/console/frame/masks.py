"""What a viewer sees of an address: `k•••@example.net`. Every text of a page passes here; see `frame/rendering.py`."""

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


def shown(text: str) -> str:
    """The text as the person of this request may see it."""
    return text if sees_addresses() else with_masked_addresses(text)
