"""Mutants of feedback: false answers to SNS, missing effects, and one notification that delays others.

And of the SQS intake: messages that are lost, looped, or believed to be refused when the fault is ours.
"""

from typing import Final

from tests.mutants.mutant import Mutant

_MAIN_LOOP = "tests/integration/house/test_main_loop.py"
_POISON = "tests/integration/feedback/test_poison.py"
_STORE_NOTIFICATIONS = "tests/integration/feedback/test_store_notifications.py"
_IN_TIME = "tests/integration/feedback/test_settle_in_time.py"
_BY_STATEMENT = "tests/integration/feedback/test_notifications_by_statement.py"
_FAILS_ALONE = f"{_BY_STATEMENT}::test_a_notification_that_cannot_be_stored_fails_alone"
_INTAKE = "tests/integration/feedback/queues/test_queue_intake.py"
_TROUBLES = "tests/integration/feedback/queues/test_queue_troubles.py"
_REDRIVE = "tests/integration/feedback/queues/test_redrive.py"
_OF_THE_INTAKE = "app/services/feedback/queues/intake.py"
_OF_A_REDRIVE = "app/services/feedback/queues/redrive.py"

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
        name="what a batch had no time for waits for the next bell",
        file="app/services/feedback/settle.py",
        edits=((" or done.looked_at < len(taken)", ""),),
        killed_by=f"{_IN_TIME}::test_a_drain_goes_on_where_a_batch_was_cut_short[sqlite]",
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
        name="half of a group is committed when a value of it cannot be sent",
        file="app/store/engine/driver_statements.py",
        edits=(("            connection.close()\n", ""),),
        killed_by=f"{_FAILS_ALONE}[the driver cannot send it-postgresql]",
    ),
    Mutant(
        name="a time without a zone passes the driver",
        file="app/store/engine/database.py",
        edits=(("            refuse_naive_times(self._by_statement)\n", ""),),
        killed_by=f"{_FAILS_ALONE}[its time has no zone-postgresql]",
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
        edits=(("put_off = one.put_off(batch.now)", "put_off = None"),),
        killed_by=f"{_MAIN_LOOP}::test_an_event_that_comes_before_our_own_commit_is_parked_and_matched[sqlite]",
    ),
)
OF_QUEUES: Final = (
    Mutant(
        name="a message is deleted before it is stored",
        file=_OF_THE_INTAKE,
        edits=(
            (
                "        with kept_hidden(self._queue, messages):\n",
                "        self._queue.delete(messages)\n        with kept_hidden(self._queue, messages):\n",
            ),
        ),
        killed_by=f"{_TROUBLES}::test_a_process_that_dies_before_it_stores_has_deleted_nothing[sqlite]",
    ),
    Mutant(
        name="a refused message stays in its queue and comes again",
        file=_OF_THE_INTAKE,
        edits=(
            (
                "done = [one for one, verdict in judged.items() if not isinstance(verdict, Left)]",
                'done = [one for one, verdict in judged.items() if type(verdict).__name__ == "Stored"]',
            ),
        ),
        killed_by=f"{_INTAKE}::test_a_message_that_is_not_authentic_is_kept_aside_seen_and_never_looped[sqlite-forged]",
    ),
    Mutant(
        name="a fault of ours refuses a message of a queue for good",
        file="app/services/feedback/queues/verdicts.py",
        edits=(
            (
                "            return Left(error.reason or error.name, error.detail)\n",
                "            return _refused(error)\n",
            ),
        ),
        killed_by=f"{_INTAKE}::test_a_message_that_may_be_ours_stays_in_the_queue[sqlite]",
    ),
    Mutant(
        name="messages are not kept hidden while the database is slow",
        file="app/services/feedback/queues/visibility.py",
        edits=(("                queue.hide(dict.fromkeys(messages, HIDDEN_S))\n", "                pass\n"),),
        killed_by=f"{_TROUBLES}::test_messages_stay_hidden_while_the_database_is_slow[sqlite]",
    ),
    Mutant(
        name="every process polls",
        file="app/store/operating/job_cursors.py",
        edits=(("datetime.fromisoformat(state[_UNTIL]) > moment:", "datetime.fromisoformat(state[_UNTIL]) < moment:"),),
        killed_by=f"{_TROUBLES}::test_one_process_polls_and_another_takes_over[sqlite]",
    ),
    Mutant(
        name="a dry run of a redrive deletes",
        file=_OF_A_REDRIVE,
        edits=(("if not (self._order.dry_run or self._order.keep):", "if not self._order.keep:"),),
        killed_by=f"{_REDRIVE}::test_a_dry_run_changes_nothing[sqlite]",
    ),
    Mutant(
        name="an interrupted redrive keeps messages hidden",
        file=_OF_A_REDRIVE,
        edits=(("            one_pass.give_back()\n", ""),),
        killed_by=f"{_REDRIVE}::test_an_interrupted_run_gives_back_what_it_has_received[sqlite]",
    ),
)
