"""Look at what an upgrade of the database would do, without doing it."""

from app.domain.operating.revisions import CodeRevisions, Fit
from app.domain.operating.upgrade_plan import Migration, UpgradePlan, old_code_may_run, steps_after
from app.store.engine.database import Database
from app.store.operating import schema


class CheckUpgrade:
    """Makes the plan. `migrations` are all that the code contains, in order."""

    def __init__(self, *, database: Database, code: CodeRevisions, migrations: tuple[Migration, ...]) -> None:
        self._database = database
        self._code = code
        self._migrations = migrations

    def __call__(self) -> UpgradePlan:
        """The plan. Raises `ServiceUnavailable` while the database is away."""
        with self._database.reading() as connection:
            found = schema.revision(connection)
            is_later = found is not None and found not in self._code.contained
            oldest_code = schema.oldest_code(connection) if is_later else None
            steps = () if is_later else steps_after(found, self._migrations)
            built_for = {table for step in steps for table in step.indexes.values()}
            rows = schema.estimated_rows(connection, built_for)
        return UpgradePlan(
            found=found,
            needed=self._code.head,
            steps=steps,
            rows=rows,
            old_code_may_run=is_later or old_code_may_run(found, self._migrations),
            is_too_old=self._code.fit(found, oldest_code) is Fit.TOO_FAR,
        )
