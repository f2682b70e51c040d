"""What an OpenID provider's claims make of a person here: the name and the role."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.domain.users.roles import Role

_NAMES: Final = ("preferred_username", "email")


class ProviderSilent(Exception):
    """The provider could not be reached, or its answer did not end in time."""


class ProviderFault(Exception):
    """The provider answered, and the answer cannot be used. The text says why, and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class RoleClaim:
    """The claim that decides about roles, and the roles of its values."""

    claim: str
    roles: Mapping[str, Role]

    def role_of(self, claims: Mapping[str, Any]) -> Role | None:
        """The highest role of the values that the claim has: a text or a list of texts. None where none has a role."""
        value = claims.get(self.claim) if _is_proven(self.claim, claims) else None
        values = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
        found = {self.roles[one] for one in values if one in self.roles}
        return max(found, key=list(Role).index, default=None)


def name_of(claims: Mapping[str, Any]) -> str | None:
    """What the person is called here: the user name at the provider, or the address that it has verified."""
    texts = (claims.get(claim) for claim in _NAMES if _is_proven(claim, claims))
    return next((text for text in texts if isinstance(text, str) and text), None)


def _is_proven(claim: str, claims: Mapping[str, Any]) -> bool:
    """Whether the provider stands behind the claim: a person may have typed any address until it is verified."""
    return claim != "email" or claims.get("email_verified") is True
