"""Mutants of the list: which entry is kept, what it blocks, who may unsuppress, what a bounce proves; and its page."""

from typing import Final

from tests.mutants.mutant import Mutant

_ORDER = "tests/unit/suppression/test_origins.py"
_REMOVALS = "tests/integration/suppression/test_removals.py"
_REVIEWS = "tests/integration/suppression/test_review_bounces.py"
_ROWS = "tests/integration/suppression/test_suppressions.py"
_SCOPES = "tests/integration/suppression/test_scopes.py"
_UNSUBSCRIBE = "tests/integration/suppression/test_unsubscribe.py"

OF_ENTRIES: Final = (
    Mutant(
        name="the last reason replaces any other",
        file="app/domain/suppression/rules.py",
        edits=(("    return _standing(new) > _standing(old)", "    return _standing(new) != _standing(old)"),),
        killed_by=f"{_ORDER}::test_the_same_entry_wins_in_any_order",
    ),
    Mutant(
        name="a removal is not noted",
        file="app/store/suppression/suppressions.py",
        edits=(("    changes.note(connection, Change.REMOVED, unsuppressed, actor=actor, reason=reason)\n", ""),),
        killed_by=f"{_ROWS}::test_a_removal_and_its_undoing_are_noted[sqlite]",
    ),
    Mutant(
        name="an expired entry ends only when it is looked at",
        file="app/store/suppression/suppressions.py",
        edits=(('"removed_at": suppressions.c.expires_at,', '"removed_at": now(),'),),
        killed_by=f"{_ROWS}::test_an_entry_that_expired_is_a_tombstone_of_that_moment[sqlite]",
    ),
    Mutant(
        name="an entry of the application blocks no email",
        file="app/store/suppression/gate_sql.py",
        edits=(("literal(EVERY_EMAIL), app_of(scope), scope]", "literal(EVERY_EMAIL), scope]"),),
        killed_by=f"{_SCOPES}::test_an_entry_blocks_exactly_its_recipients_and_scope[sqlite-the application]",
    ),
    Mutant(
        name="another entry ends the recipient's unsubscription",
        file="app/store/suppression/suppressions.py",
        edits=(("    _uncover(connection, unsuppressed)\n", ""),),
        killed_by="tests/integration/suppression/test_covered_unsubscribes.py"
        "::test_unsuppressing_the_covering_entry_leaves_the_unsubscription[sqlite-True-manual]",
    ),
    Mutant(
        name="any caller may suppress a whole domain",
        file="app/services/suppression/entries.py",
        edits=(
            ("    if target.address is None and not caller.is_admin:", "    if target.address is None and not caller:"),
        ),
        killed_by=f"{_SCOPES}::test_a_whole_domain_takes_an_administrator[sqlite]",
    ),
    Mutant(
        name="a complaint is unsuppressed without force",
        file="app/services/suppression/unsuppress.py",
        edits=(("    if reasons and not force:", "    if reasons and force:"),),
        killed_by=f"{_REMOVALS}::test_some_entries_are_unsuppressed_only_with_force[sqlite-complaint-spam]",
    ),
    Mutant(
        name="an entry removed in a stream leaves SES's list too",
        file="app/store/suppression/suppressions.py",
        edits=(
            (
                '_MAY_BE_AT_SES = and_(suppressions.c.scope == EVERY_EMAIL, suppressions.c.key.like("_%@%"))',
                '_MAY_BE_AT_SES = suppressions.c.key.like("_%@%")',
            ),
        ),
        killed_by=f"{_REMOVALS}::test_unsuppressing_a_stream_leaves_the_list_of_ses_alone[sqlite]",
    ),
    Mutant(
        name="every earlier removal is undone",
        file="app/services/suppression/undo_removal.py",
        edits=(("times.get(one.id) == max(times.values())", "one.id in times"),),
        killed_by=f"{_REMOVALS}::test_only_the_last_removal_is_undone[sqlite]",
    ),
    Mutant(
        name="a blocklist counts as a dead mailbox",
        file="app/domain/feedback/bounce_reader.py",
        edits=(("    ReplyClass.OURS: BounceCause.OUR_FAULT,", "    ReplyClass.OURS: BounceCause.MAILBOX_GONE,"),),
        killed_by="tests/unit/feedback/test_bounce_reader.py::test_a_vague_status_is_made_precise_by_the_text",
    ),
    Mutant(
        name="a refusal that is not understood suppresses for good",
        file="app/domain/suppression/rules.py",
        edits=(
            (
                "    BounceCause.REFUSED_UNCLEAR: (ListEffect.PAUSE, None),",
                "    BounceCause.REFUSED_UNCLEAR: (ListEffect.SUPPRESS, Origin.BOUNCE),",
            ),
        ),
        killed_by="tests/unit/suppression/test_suppression_rules.py::test_one_refusal_that_is_unclear_only_pauses",
    ),
    Mutant(
        name="SES's list outranks our reading of a bounce",
        file="app/domain/account/list_comparison.py",
        edits=(
            (
                "ListingFate.SUPPRESS if ListEffect.SUPPRESS in evidence.effects else ListingFate.REMOVE",
                "ListingFate.SUPPRESS",
            ),
        ),
        killed_by="tests/unit/account/test_list_comparison.py::"
        "test_the_bounces_of_the_email_decide_as_they_were_read_here[never removed-leave]",
    ),
    Mutant(
        name="a full mailbox counts as a dead mailbox",
        file="app/domain/suppression/rules.py",
        edits=(
            (
                "    BounceCause.MAILBOX_FULL: (ListEffect.COUNT, None),",
                "    BounceCause.MAILBOX_FULL: (ListEffect.SUPPRESS, Origin.BOUNCE),",
            ),
        ),
        killed_by="tests/integration/suppression/test_soft_bounces.py::test_the_third_message_in_a_week_pauses_for_two[sqlite]",
    ),
    Mutant(
        name="dead addresses among many deliveries count as a burst",
        file="app/domain/suppression/mass_bounces.py",
        edits=((" and last - first + 1 > _others_in(others, in_order[first].at, bounce.at)", ""),),
        killed_by=f"{_REVIEWS}::test_dead_addresses_among_many_deliveries_are_no_burst[sqlite]",
    ),
    Mutant(
        name="only the last of a burst is under review",
        file="app/domain/suppression/mass_bounces.py",
        edits=(("in_order[max(first, marked) : last + 1]", "in_order[last : last + 1]"),),
        killed_by=f"{_REVIEWS}::test_a_burst_is_put_under_review_and_suppresses_meanwhile[sqlite]",
    ),
    Mutant(
        name="a decided burst is reviewed again",
        file="app/services/suppression/review_bounces.py",
        edits=(("after=reviews.last_decision(connection, span.domain)", "after=None"),),
        killed_by=f"{_REVIEWS}::test_a_confirmed_burst_stays_and_is_not_asked_about_again[sqlite]",
    ),
    Mutant(
        name="a late bounce of an undone burst suppresses",
        file="app/services/feedback/apply.py",
        edits=(
            ("    if undone is None:\n        return False", "    if undone or undone is None:\n        return False"),
        ),
        killed_by=f"{_REVIEWS}::test_an_undone_burst_leaves_the_list_as_a_whole[sqlite]",
    ),
    Mutant(
        name="a complaint is unsuppressed with the others",
        file="app/store/suppression/suppressions.py",
        edits=((', "review_id": None}', "}"),),
        killed_by=f"{_REVIEWS}::test_a_complaint_needs_no_review[sqlite]",
    ),
)
OF_THE_LIST: Final = (
    Mutant(
        name="following an unsubscribe link unsubscribes",
        file="app/web/suppression/unsubscribe.py",
        edits=(
            (
                "    standing = current_gateway()",
                "    current_gateway().unsubscribe(token, Wish.UNSUBSCRIBE)\n    standing = current_gateway()",
            ),
        ),
        killed_by=f"{_UNSUBSCRIBE}::test_following_links_changes_nothing[sqlite]",
    ),
    Mutant(
        name="the signature of an unsubscribe link is not checked",
        file="app/domain/signed_links.py",
        edits=(("if genuine and is_one and", "if is_one and"),),
        killed_by="tests/unit/suppression/test_unsubscribe_link.py::test_a_token_with_any_bit_changed_is_none",
    ),
    Mutant(
        name="resubscribing removes every entry",
        file="app/services/suppression/unsubscribe.py",
        edits=(
            (" if one.origin == Origin.UNSUBSCRIBE]", "]"),
            ("if any(one.origin != Origin.UNSUBSCRIBE for one in unsuppressed):", "if not Origin.UNSUBSCRIBE:"),
        ),
        killed_by=f"{_UNSUBSCRIBE}::test_resubscribing_removes_nothing_else[sqlite-invites/news-manual]",
    ),
)
