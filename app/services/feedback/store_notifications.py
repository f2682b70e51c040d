"""The commit of step 4: notifications that wait for a commit at the same moment share one."""

from collections.abc import Sequence
from uuid import UUID

from app.services.group_commit import Committed, GroupCommit
from app.store.engine.database import Database
from app.store.feedback import notifications
from app.store.feedback.notifications import NewNotification


class StoreNotifications:
    """Commits notifications. One per process, for all its threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._group: GroupCommit[NewNotification, bool] = GroupCommit(self._commit)

    @property
    def waiting(self) -> int:
        """How many notifications wait for the commit under way."""
        return self._group.waiting

    def __call__(self, new: NewNotification) -> Committed[bool]:
        """Commit one notification; the outcome is whether it is new, not one that SNS delivered before.

        Raises `ServiceUnavailable`, and the database's error for a row that it refuses.
        """
        return self._group(new)

    def _commit(self, new: Sequence[NewNotification]) -> list[bool]:
        fresh = self._store_by_statement(new) if self._database.on_postgres else self._store(new)
        return [one.id in fresh for one in new]

    def _store_by_statement(self, new: Sequence[NewNotification]) -> frozenset[UUID]:
        with self._database.by_statement() as cursor:
            return notifications.store_by_statement(cursor, new)

    def _store(self, new: Sequence[NewNotification]) -> frozenset[UUID]:
        with self._database.transaction() as connection:
            return notifications.store(connection, new)
