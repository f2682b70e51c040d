"""Mutants of what is counted, and of the budgets that follow from it."""

from typing import Final

from tests.mutants.mutant import Mutant

_COUNTS: Final = "tests/integration/reporting/test_counts.py"
_BUDGETS: Final = "tests/integration/apps/test_budgets.py"

OF_COUNTS: Final = (
    Mutant(
        name="what is no longer true stays counted",
        file="app/domain/reporting/counted.py",
        edits=((" + [(what, -1) for what in before if what not in after]", ""),),
        killed_by="tests/unit/reporting/test_counted.py::test_the_sum_of_all_changes_is_what_is_true_now",
    ),
    Mutant(
        name="a late event counts in the hour in which it comes",
        file="app/services/counting.py",
        edits=(("hour = row.created_at.timestamp()", "hour = row.updated_at.timestamp()"),),
        killed_by=f"{_COUNTS}::test_a_late_event_counts_in_the_hour_of_its_email[sqlite-bounce]",
    ),
    Mutant(
        name="what is not folded yet is missing",
        file="app/store/reporting/counts.py",
        edits=(("for table in (folded, count_changes))).subquery()", "for table in (folded,))).subquery()"),),
        killed_by=f"{_COUNTS}::test_folding_changes_no_count[sqlite]",
    ),
)
OF_BUDGETS: Final = (
    Mutant(
        name="a paused application is claimed all the same",
        file="app/store/sending/claims.py",
        edits=((".where(goes_on(in_lane))", ""),),
        killed_by=f"{_BUDGETS}::test_only_the_bulk_lane_of_the_application_waits[sqlite]",
    ),
    Mutant(
        name="a few recipients are judged",
        file="app/domain/apps/budget.py",
        edits=(("if spent.sent < budget.minimum:", "if spent.sent == 0:"),),
        killed_by=f"{_BUDGETS}::test_fewer_than_the_minimum_are_not_judged[sqlite]",
    ),
    Mutant(
        name="after a resume the old bounces pause again",
        file="app/services/apps/spending.py",
        edits=((": spent - resumed.spent}", ": spent}"),),
        killed_by=f"{_BUDGETS}::test_after_a_resume_only_what_follows_is_judged[sqlite]",
    ),
    Mutant(
        name="the mailbox simulator spends a budget",
        file="app/store/reporting/counts.py",
        edits=((", table.c.mailbox_provider != SIMULATOR)", ")"),),
        killed_by=f"{_BUDGETS}::test_what_aws_does_not_count_does_not_count[sqlite-simulator]",
    ),
)
