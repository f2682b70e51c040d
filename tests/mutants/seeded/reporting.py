"""Mutants of outcomes, the links to them, counts and budgets: faults that show too much, or count what is not so."""

from typing import Final

from tests.mutants.mutant import Mutant

_LINKS: Final = "tests/integration/reporting/test_outcome_links.py"
_LIST: Final = "tests/integration/reporting/test_outcomes.py"
_PAGE: Final = "tests/integration/reporting/test_outcome_page.py"
_COUNTS: Final = "tests/integration/reporting/test_counts.py"
_BUDGETS: Final = "tests/integration/apps/test_budgets.py"
_RESUMES: Final = "tests/integration/apps/test_resumes.py"

OF_OUTCOMES: Final = (
    Mutant(
        name="outcomes of every application are listed",
        file="app/services/list_filters.py",
        edits=(
            (
                "    if not app or not caller.is_admin:\n        return owner(caller)",
                "    if not app:\n        return None",
            ),
        ),
        killed_by=f"{_LIST}::test_an_application_sees_only_its_own[sqlite]",
    ),
    Mutant(
        name="a link shows another application's emails",
        file="app/services/reporting/linked_outcomes.py",
        edits=(("frozenset({Scope.EMAILS_READ})", "frozenset({Scope.ADMIN})"),),
        killed_by=f"{_PAGE}::test_a_page_shows_nothing_of_another_application[sqlite]",
    ),
    Mutant(
        name="a link to a reference shows all emails",
        file="app/services/reporting/linked_outcomes.py",
        edits=(("OutcomeFilter(kinds=kinds, reference=value)", "OutcomeFilter(kinds=kinds)"),),
        killed_by=f"{_PAGE}::test_a_page_shows_what_its_link_is_for[sqlite-reference-party]",
    ),
    Mutant(
        name="a masked link shows addresses in its file",
        file="app/services/reporting/linked_outcomes.py",
        edits=(("return (tuple(map(self._shown, piece)) for piece in found)", "return found"),),
        killed_by=f"{_PAGE}::test_a_masked_page_has_no_address[sqlite]",
    ),
    Mutant(
        name="a link to outcomes is not signed",
        file="app/domain/signed_links.py",
        edits=(("genuine = hmac.compare_digest(", "genuine = True or hmac.compare_digest("),),
        killed_by=f"{_LINKS}::test_a_token_that_is_not_ours_opens_nothing[sqlite]",
    ),
    Mutant(
        name="an unsubscribe link opens a page of outcomes",
        file="app/domain/signed_links.py",
        edits=(
            ("_sign(key, purpose + named)", "_sign(key, named)"),
            ("_NO_KEY), purpose + named)", "_NO_KEY), named)"),
        ),
        killed_by="tests/unit/suppression/test_unsubscribe_link.py::test_a_token_for_one_purpose_is_none_for_another",
    ),
    Mutant(
        name="a link does not expire",
        file="app/store/reporting/outcome_links.py",
        edits=((" & (outcome_links.c.expires_at > now())", ""),),
        killed_by=f"{_LINKS}::test_a_link_expires_by_the_clock_of_the_database[sqlite]",
    ),
    Mutant(
        name="a revoked link shows its page",
        file="app/store/reporting/outcome_links.py",
        edits=(("outcome_links.c.revoked_at.is_(None) & (", "("),),
        killed_by=f"{_LINKS}::test_a_revoked_link_has_ended_for_good[sqlite]",
    ),
    Mutant(
        name="the link of a forgotten person works on",
        file="app/services/reporting/linked_outcomes.py",
        edits=(("if not link.works or is_pseudonym(link.value):", "if not link.works:"),),
        killed_by=f"{_LINKS}::test_a_forgotten_person_is_in_no_actor_and_their_link_ends[sqlite-kim@example.com]",
    ),
    Mutant(
        name="a page leaves out recipients of the email at which it starts",
        file="app/services/reporting/outcomes.py",
        edits=(("near.int + (-1 if newer else 1)", "near.int"),),
        killed_by=f"{_LIST}::test_pages_hold_each_outcome_once_in_both_directions[sqlite]",
    ),
)
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
        file="app/store/sending/due_email.py",
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
        killed_by=f"{_RESUMES}::test_after_a_resume_only_what_follows_is_judged[sqlite]",
    ),
    Mutant(
        name="the mailbox simulator spends a budget",
        file="app/store/reporting/counts.py",
        edits=((", table.c.mailbox_provider != SIMULATOR)", ")"),),
        killed_by=f"{_BUDGETS}::test_what_aws_does_not_count_does_not_count[sqlite-simulator]",
    ),
)
