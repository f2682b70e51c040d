"""Mutants of concurrency and disclosure: decisions from stale rows, locks in any order, rows shown to any caller."""

from typing import Final

from tests.mutants.mutant import Mutant

_LOCKS: Final = "tests/integration/house/test_lock_order.py"
_OUT: Final = "tests/integration/house/test_ways_out.py::test_no_route_reveals_the_email_of_another_application[sqlite]"
_IN: Final = (
    "tests/integration/house/test_ways_in.py::test_every_address_that_comes_onto_the_list_is_among_the_positives"
)
_RUN_OUT: Final = "tests/integration/suppression/test_expired_pauses.py"
_STALE: Final = "tests/integration/house/test_stale_reads.py"

OF_ORDER: Final = (
    Mutant(
        name="a held email that may have left is canceled",
        file="app/services/submission/change.py",
        edits=(("attempt_open=row.id in flying", "attempt_open=False"),),
        killed_by="tests/integration/sending/test_held.py::test_a_held_email_that_may_have_left_is_not_canceled[sqlite]",
    ),
    Mutant(
        name="an expired pause counts as a person's removal",
        file="app/store/suppression/suppressions.py",
        edits=(
            (
                ", suppressions.c.removed_by != POSTERN\n    )\n    removed_at: datetime | None",
                "\n    )\n    removed_at: datetime | None",
            ),
        ),
        killed_by=f"{_RUN_OUT}::test_a_bounce_of_an_email_that_left_before_suppresses[sqlite]",
    ),
    Mutant(
        name="an expired pause keeps an import away",
        file="app/store/suppression/bulk.py",
        edits=(
            (
                ".where(by_key, suppressions.c.removed_by != POSTERN)",
                ".where(by_key, suppressions.c.removed_at.is_not(None))",
            ),
        ),
        killed_by=f"{_RUN_OUT}::test_an_import_of_an_older_row_adds_it[sqlite]",
    ),
    Mutant(
        name="recovery ends while notifications are unread",
        file="app/services/operating/database_recovery.py",
        edits=(("return self.unread == 0 and now >= self.not_before", "return now >= self.not_before"),),
        killed_by="tests/integration/operating/test_database_recovery.py::test_recovery_does_not_end_while_notifications_are_unread[sqlite]",
    ),
    Mutant(
        name="a fresh bounce does not reach the positives",
        file="app/services/suppression/list_writer.py",
        edits=(("        self._remember(one.key for one in new)\n", ""),),
        killed_by=f"{_IN}[sqlite-a_bounce]",
    ),
    Mutant(
        name="a pause does not reach the positives",
        file="app/services/suppression/list_writer.py",
        edits=(("        self._remember(one.key for one in new)\n", ""),),
        killed_by=f"{_IN}[sqlite-soft_bounces]",
    ),
    Mutant(
        name="the proof about an earlier call counts for the next",
        file="app/services/sending/unconfirmed.py",
        edits=(
            (
                "            if row.unconfirmed_since <= now - self._quiet:\n",
                "            if one.since <= now - self._quiet:\n",
            ),
            ("yield replace(one, since=row.unconfirmed_since)", "yield one"),
        ),
        killed_by=f"{_STALE}::test_an_email_that_is_unknown_anew_waits_its_quiet_time_again",
    ),
    Mutant(
        name="an entry that became a complaint is unsuppressed as a bounce",
        file="app/services/suppression/unsuppress.py",
        edits=(("            listed = list(suppressions.lock(connection, [one.id for one in listed]))\n", ""),),
        killed_by=f"{_STALE}::test_an_address_that_complained_meanwhile_is_not_unsuppressed_without_force",
    ),
    Mutant(
        name="a settler reads the list without locking it",
        file="app/services/feedback/apply.py",
        edits=(("        entry_locks.hold_keys(connection, keys)\n", ""),),
        killed_by=f"{_STALE}::test_a_removal_that_comes_while_an_older_bounce_is_settled_sticks",
    ),
    Mutant(
        name="two settlers weigh one address at the same time",
        file="app/services/feedback/apply.py",
        edits=(("        advisory_locks.hold(connection, keys)\n", ""),),
        killed_by=f"{_STALE}::test_soft_bounces_that_are_settled_at_the_same_time_are_all_counted",
    ),
    Mutant(
        name="reports lock recipients in the order of arrival",
        file="app/services/sending/record.py",
        edits=(("            recipients.hold(connection, {report.attempt.recipient.id for report in reports})\n", ""),),
        killed_by=f"{_LOCKS}::test_recording_and_settling_lock_recipients_in_one_order[accepted]",
    ),
    Mutant(
        name="incidents are noted in the order of arrival",
        file="app/store/operating/incidents.py",
        edits=(("for one in sorted(noted, key=lambda one: (one.kind, one.subject)):", "for one in noted:"),),
        killed_by=f"{_LOCKS}::test_two_settlers_note_incidents_in_one_order",
    ),
    Mutant(
        name="many entries are locked in any order",
        file="app/store/suppression/suppressions.py",
        edits=(("    if len(entry_ids) > 1:\n        entry_locks.hold_ids(connection, entry_ids)\n", ""),),
        killed_by=f"{_LOCKS}::test_entries_of_the_list_are_locked_in_one_order",
    ),
    Mutant(
        name="a deadlock is not retried",
        file="app/services/deadlock_retry.py",
        edits=(("            if not left:\n                raise\n", "            raise\n"),),
        killed_by=f"{_LOCKS}::test_work_that_was_ended_for_a_deadlock_is_done_again",
    ),
    Mutant(
        name="the export shows servers' answers to other apps' emails",
        file="app/services/suppression/files/export_list.py",
        edits=(
            ("return disclosed(connection, caller, entries), bound", "return tuple(map(Disclosed, entries)), bound"),
        ),
        killed_by=_OUT,
    ),
    Mutant(
        name="answers to unknown emails are shown to every application",
        file="app/services/suppression/disclosure.py",
        edits=(("if by_message.get(message) != caller.app_id]", "if message is None]"),),
        killed_by=_OUT,
    ),
    Mutant(
        name="a broken line costs the rows before it",
        file="app/services/suppression/files/import_list.py",
        edits=(
            (
                "            broken = error\n        if batch:",
                "            broken = error\n        if batch and broken is None:",
            ),
        ),
        killed_by="tests/integration/suppression/files/test_import_list.py::test_rows_before_a_broken_line_are_reported[sqlite]",
    ),
    Mutant(
        name="every list of addresses counts as one of complaints",
        file="app/domain/suppression/files/vendors.py",
        edits=(
            (
                'if {"address", "createdat"} <= set(names) <= _OF_COMPLAINTS else None',
                'if "address" in names else None',
            ),
        ),
        killed_by="tests/unit/suppression/test_file_vendors.py::test_addresses_are_not_taken_for_complaints[one-column]",
    ),
    Mutant(
        name="one bad domain ends the sweep of reviews",
        file="app/services/isolation.py",
        edits=(("            skipped(database, sweep, name(item), error)\n", "            raise\n"),),
        killed_by="tests/integration/suppression/test_review_bounces.py::test_a_domain_that_cannot_be_read_delays_no_other[sqlite]",
    ),
)
