"""What a user of the console may do."""

from enum import StrEnum


class Role(StrEnum):
    """The roles, from the least to the most: each may do all that those before it may."""

    VIEWER = "viewer"
    SUPPORT = "support"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do all that the other may."""
        order = list(Role)
        return order.index(self) >= order.index(other)
