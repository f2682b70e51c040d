"""What follows from the migrations between the database and the code."""

import pytest

from app.domain.operating.upgrade_plan import Migration, old_code_may_run, steps_after


def migration(revision: str, oldest_code: str | None = None) -> Migration:
    return Migration(revision=revision, title="", oldest_code=oldest_code, locks={}, indexes={})


ALL = (migration("1"), migration("2"), migration("3", "2"), migration("4", "3"))


@pytest.mark.parametrize("found, steps, may_run", [(None, 4, False), ("1", 3, False), ("2", 2, False), ("4", 0, True)])
def test_old_code_goes_on_unless_a_migration_needs_code_of_a_later_revision(
    found: str | None, steps: int, may_run: bool
) -> None:
    """A mark that the old code satisfies stops nothing."""
    assert len(steps_after(found, ALL)) == steps
    assert old_code_may_run(found, ALL) is may_run
    assert old_code_may_run("2", ALL[:3])
