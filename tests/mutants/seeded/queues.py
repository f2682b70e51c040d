"""Mutants of the SQS intake: messages that are lost, looped, or believed to be refused when the fault is ours."""

from typing import Final

from tests.mutants.mutant import Mutant

_INTAKE = "tests/integration/feedback/queues/test_queue_intake.py"
_TROUBLES = "tests/integration/feedback/queues/test_queue_troubles.py"
_REDRIVE = "tests/integration/feedback/queues/test_redrive.py"
_OF_THE_INTAKE = "app/services/feedback/queues/intake.py"
_OF_A_REDRIVE = "app/services/feedback/queues/redrive.py"

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
