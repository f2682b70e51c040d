"""What every kind of resource can be asked."""

from typing import Protocol

from app.domain.account.setup.resources import Found, Resource


class ResourceKind(Protocol):
    """The calls to AWS about resources of one kind. Errors of boto3 pass through."""

    @property
    def service(self) -> str:
        """The prefix of its IAM actions."""

    def find(self, resource: Resource) -> Found | None:
        """The resource as AWS has it, None without one."""

    def make(self, resource: Resource, tags: dict[str, str]) -> None:
        """Make it with its tags. One that is there already stays as it is."""

    def change(self, resource: Resource, names: frozenset[str]) -> None:
        """Set these properties as they should be."""

    def tag(self, resource: Resource, tags: dict[str, str]) -> None:
        """Give it these tags."""

    def remove(self, resource: Resource) -> None:
        """Remove it."""
