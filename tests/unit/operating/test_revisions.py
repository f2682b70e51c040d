"""Which databases the code of a process may run with."""

import pytest

from app.domain.operating.revisions import CodeRevisions, Fit

CODE = CodeRevisions(head="0025", contained=frozenset({"0024", "0025"}))


@pytest.mark.parametrize(
    "found, oldest_code, fit",
    [
        ("0025", None, Fit.SAME),
        ("0025", "0026", Fit.SAME),
        (None, None, Fit.BEHIND),
        ("0024", None, Fit.BEHIND),
        ("0026", None, Fit.AHEAD),
        ("0026", "0024", Fit.AHEAD),
        ("0027", "0026", Fit.TOO_FAR),
    ],
)
def test_code_runs_with_its_own_revision_and_with_later_ones_that_bear_it(
    found: str | None, oldest_code: str | None, fit: Fit
) -> None:
    """It never runs with an earlier one, which lacks what the code reads."""
    assert CODE.fit(found, oldest_code) is fit
