"""The mutants of the rules of the list: which entry stands, whom it catches, who lifts it, what a bounce proves."""

from typing import Final

from tests.mutants.mutant import Mutant

_ORDER = "tests/unit/test_origins.py"
_REMOVALS = "tests/integration/test_removals.py"
_REVIEWS = "tests/integration/test_reviews.py"
_ROWS = "tests/integration/test_suppression_rows.py"
_SCOPES = "tests/integration/test_scopes.py"

OF_ENTRIES: Final = (
    Mutant(
        name="the last reason stands, whatever it is",
        file="app/domain/suppression.py",
        edits=(("    return _standing(new) > _standing(old)", "    return _standing(new) != _standing(old)"),),
        killed_by=f"{_ORDER}::test_the_same_entry_stands_in_whatever_order_they_come",
    ),
    Mutant(
        name="a removal is not noted",
        file="app/store/suppressions.py",
        edits=(("    suppression_events.note(connection, Change.REMOVED, lifted, actor=actor, reason=reason)\n", ""),),
        killed_by=f"{_ROWS}::test_a_removal_and_its_undoing_are_noted[sqlite]",
    ),
    Mutant(
        name="an entry that ran out is over only since somebody looked",
        file="app/store/suppressions.py",
        edits=(('"removed_at": suppressions.c.expires_at, ', '"removed_at": now(), '),),
        killed_by=f"{_ROWS}::test_an_entry_that_ran_out_is_a_tombstone_of_that_moment[sqlite]",
    ),
    Mutant(
        name="an entry of the application holds nothing back",
        file="app/store/verdicts.py",
        edits=(("literal(EVERY_MAIL), app_of(scope), scope]", "literal(EVERY_MAIL), scope]"),),
        killed_by=f"{_SCOPES}::test_an_entry_catches_whom_and_what_it_names[sqlite-the application]",
    ),
    Mutant(
        name="what others decided undoes the recipient's own word",
        file="app/store/suppressions.py",
        edits=(("    _uncover(connection, lifted)\n", ""),),
        killed_by="tests/integration/test_covered.py"
        "::test_lifting_what_covers_an_unsubscription_lets_it_stand[sqlite-True-manual]",
    ),
    Mutant(
        name="anybody suppresses a whole domain",
        file="app/services/entries.py",
        edits=(
            ("    if whom.address is None and not caller.is_admin:", "    if whom.address is None and not caller:"),
        ),
        killed_by=f"{_SCOPES}::test_a_whole_domain_takes_an_administrator[sqlite]",
    ),
    Mutant(
        name="a complaint is lifted without being meant",
        file="app/services/suppress.py",
        edits=(("    if forced and not force:", "    if forced and force:"),),
        killed_by=f"{_REMOVALS}::test_some_entries_are_lifted_only_by_who_means_it[sqlite-complaint-spam]",
    ),
    Mutant(
        name="what is lifted in a stream leaves SES's list too",
        file="app/store/suppressions.py",
        edits=(
            (
                '_MAY_BE_AT_SES = and_(suppressions.c.scope == EVERY_MAIL, suppressions.c.key.like("_%@%"))',
                '_MAY_BE_AT_SES = suppressions.c.key.like("_%@%")',
            ),
        ),
        killed_by=f"{_REMOVALS}::test_what_is_lifted_in_a_stream_leaves_the_list_of_ses_alone[sqlite]",
    ),
    Mutant(
        name="every removal there ever was is undone",
        file="app/services/undo.py",
        edits=(("times.get(one.id) == max(times.values())", "one.id in times"),),
        killed_by=f"{_REMOVALS}::test_only_the_last_removal_is_undone[sqlite]",
    ),
    Mutant(
        name="a blocklist kills a mailbox",
        file="app/domain/bounces.py",
        edits=(
            ("    Meaning.REFUSES_US: BounceCause.OUR_FAULT,", "    Meaning.REFUSES_US: BounceCause.MAILBOX_GONE,"),
        ),
        killed_by="tests/unit/test_bounces.py::test_a_vague_status_is_made_precise_by_the_text",
    ),
    Mutant(
        name="a full mailbox is gone for good",
        file="app/domain/suppression.py",
        edits=(
            (
                "    BounceCause.MAILBOX_FULL: (Verdict.COUNT, None),",
                "    BounceCause.MAILBOX_FULL: (Verdict.SUPPRESS, Origin.BOUNCE),",
            ),
        ),
        killed_by="tests/integration/test_soft_bounces.py::test_the_third_message_in_a_week_pauses_for_two[sqlite]",
    ),
    Mutant(
        name="dead addresses among much delivered mail are a burst",
        file="app/domain/bursts.py",
        edits=((" and last - first + 1 > _others_in(others, told[first].at, bounce.at)", ""),),
        killed_by=f"{_REVIEWS}::test_dead_addresses_among_delivered_mail_are_no_burst[sqlite]",
    ),
    Mutant(
        name="only the last of a burst is under review",
        file="app/domain/bursts.py",
        edits=(("told[max(first, marked) : last + 1]", "told[last : last + 1]"),),
        killed_by=f"{_REVIEWS}::test_a_burst_is_put_under_review_and_suppresses_meanwhile[sqlite]",
    ),
    Mutant(
        name="what was decided is asked again",
        file="app/services/reviews.py",
        edits=(("after=reviews.last_decision(connection, span.domain)", "after=None"),),
        killed_by=f"{_REVIEWS}::test_a_confirmed_burst_stays_and_is_not_asked_about_again[sqlite]",
    ),
    Mutant(
        name="a late bounce of an undone burst suppresses",
        file="app/services/conclude.py",
        edits=(
            ("    if undone is None:\n        return False", "    if undone or undone is None:\n        return False"),
        ),
        killed_by=f"{_REVIEWS}::test_an_undone_burst_leaves_the_list_as_a_whole[sqlite]",
    ),
    Mutant(
        name="who complained is undone with the others",
        file="app/store/suppressions.py",
        edits=((', "review_id": None}', "}"),),
        killed_by=f"{_REVIEWS}::test_a_complaint_needs_no_review[sqlite]",
    ),
)
