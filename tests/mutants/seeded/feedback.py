"""Mutants of feedback: false answers to SNS, missing effects, and one notification that delays others."""

from typing import Final

from tests.mutants.mutant import Mutant

_MAIN_LOOP = "tests/integration/house/test_main_loop.py"
_POISON = "tests/integration/feedback/test_poison.py"
_STORE_NOTIFICATIONS = "tests/integration/feedback/test_store_notifications.py"

OF_NOTIFICATIONS: Final = (
    Mutant(
        name="a bounce without its suppression",
        file="app/services/feedback/apply.py",
        edits=(
            (
                "effect = self._apply(connection, one, recipient, bounces)",
                "effect = one.ruling.why",
            ),
        ),
        killed_by=f"{_MAIN_LOOP}::test_a_hard_bounce_suppresses_until_the_address_is_unsuppressed[sqlite]",
    ),
    Mutant(
        name="half of a poison notification is written",
        file="app/services/isolation.py",
        edits=(("        with connection.begin_nested():\n", "        if connection:\n"),),
        killed_by=f"{_POISON}::test_a_poison_notification_delays_no_other_and_is_kept[sqlite]",
    ),
    Mutant(
        name="one poison notification delays those settled with it",
        file="app/services/feedback/settle.py",
        edits=(('log.info("batch_settled_one_by_one", error=type(error).__name__)', "raise error"),),
        killed_by=f"{_POISON}::test_ninety_nine_are_settled_beside_one_that_the_database_refuses[sqlite-delivered]",
    ),
    Mutant(
        name="SNS gets a 200 although the commit has failed",
        file="app/services/group_commit.py",
        edits=(
            (
                "            raise  # perhaps after the commit, so it is not known whether they are kept\n",
                "            committed = [Committed((True,)) for _ in requests]\n",
            ),
        ),
        killed_by=f"{_STORE_NOTIFICATIONS}::test_when_a_commit_fails_sns_is_asked_to_retry_all_of_them[sqlite]",
    ),
    Mutant(
        name="tombstones are ignored",
        file="app/services/feedback/apply.py",
        edits=(
            (
                "if removed_at is not None and not outlived_by(removed_at, ses_event, origin=ruling.origin):",
                "if removed_at is not None and removed_at is None:",
            ),
        ),
        killed_by=f"{_MAIN_LOOP}::test_a_late_event_about_older_email_does_not_undo_a_removal[sqlite]",
    ),
    Mutant(
        name="an event of an email not known yet is dropped",
        file="app/services/feedback/settle.py",
        edits=(("None if one.erases else _set_aside(one, batch.now) or _parked(one, batch.now)", "None"),),
        killed_by=f"{_MAIN_LOOP}::test_an_event_that_comes_before_our_own_commit_is_parked_and_matched[sqlite]",
    ),
)
