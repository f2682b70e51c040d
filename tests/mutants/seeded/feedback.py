"""Mutants of feedback: what SNS is told before it is so, what does not follow, who pays for another's news."""

from typing import Final

from tests.mutants.mutant import Mutant

_MAIN_LOOP = "tests/integration/test_main_loop.py"
_SETTLE = "tests/integration/test_settle.py"
_STORE_NEWS = "tests/integration/test_store_news.py"

OF_NEWS: Final = (
    Mutant(
        name="a bounce without its suppression",
        file="app/services/conclude.py",
        edits=(
            (
                "effect = self._apply(connection, one, recipient, bounces)",
                "effect = one.ruling.why",
            ),
        ),
        killed_by=f"{_MAIN_LOOP}::test_a_hard_bounce_suppresses_until_somebody_lifts_it[sqlite]",
    ),
    Mutant(
        name="half of a poison notification is written",
        file="app/services/settle.py",
        edits=(
            (
                "            with connection.begin_nested():\n                self._settle(",
                "            if True:\n                self._settle(",
            ),
        ),
        killed_by=f"{_SETTLE}::test_a_poison_notification_delays_nobody_and_is_kept[sqlite]",
    ),
    Mutant(
        name="one poison notification holds up what is settled with it",
        file="app/services/settle.py",
        edits=(('log.info("batch_settled_one_by_one", error=type(error).__name__)', "raise"),),
        killed_by=f"{_SETTLE}::test_ninety_nine_are_settled_beside_one_that_the_database_refuses[sqlite-delivered]",
    ),
    Mutant(
        name="SNS is told that a notification is stored when its commit has failed",
        file="app/services/store_news.py",
        edits=(
            (
                "            raise  # it may have come after the commit, and then nobody knows whether they are kept\n",
                "            filed = [Filed() for _ in new]\n",
            ),
        ),
        killed_by=f"{_STORE_NEWS}::test_when_a_commit_fails_sns_is_to_bring_all_of_them_again[sqlite]",
    ),
    Mutant(
        name="tombstones are ignored",
        file="app/services/conclude.py",
        edits=(
            (
                "if removed_at is not None and not outlived_by(removed_at, feedback):",
                "if removed_at is not None and removed_at is None:",
            ),
        ),
        killed_by=f"{_MAIN_LOOP}::test_a_late_event_about_older_mail_does_not_undo_a_removal[sqlite]",
    ),
    Mutant(
        name="an event of a mail not known yet is dropped",
        file="app/services/settle.py",
        edits=(("None if one.erases else _parked(one, now)", "None"),),
        killed_by=f"{_MAIN_LOOP}::test_feedback_that_comes_before_our_own_commit_is_parked_and_matched[sqlite]",
    ),
)
