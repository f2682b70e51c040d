"""Mutants of accepting: what is answered before it is kept, what a key is worth, who pays for another's mail."""

from typing import Final

from tests.mutants.mutant import Mutant

_KEEP = "tests/integration/test_keep.py"
_MAIN_LOOP = "tests/integration/test_main_loop.py"

OF_ACCEPTING: Final = (
    Mutant(
        name="an idempotency key is taken and not looked at",
        file="app/services/keep.py",
        edits=(
            (
                "return Outcome(to_ring=entry.mails) if earlier is None else Outcome(earlier=earlier)",
                "return Outcome(to_ring=entry.mails)",
            ),
        ),
        killed_by=f"{_MAIN_LOOP}::test_the_same_idempotency_key_gives_the_same_mail[sqlite]",
    ),
    Mutant(
        name="an idempotency key is not bound to its request",
        file="app/services/accept.py",
        edits=(("if earlier.fingerprint != idempotency.fingerprint:", "if not earlier.fingerprint:"),),
        killed_by="tests/integration/test_web_emails.py::test_an_idempotency_key_belongs_to_one_request[sqlite]",
    ),
    Mutant(
        name="those who wait for a commit are answered before it",
        file="app/services/keep.py",
        edits=(
            (
                "            outcomes = self._commit(entries)\n",
                (
                    "            outcomes = [Outcome(to_ring=entry.mails) for entry in entries]\n"
                    "            here = threading.current_thread().name\n"
                    "            threading.Thread(target=self._commit, args=[entries], name=here).start()\n"
                ),
            ),
            ("from collections.abc import Sequence\n", "import threading\nfrom collections.abc import Sequence\n"),
        ),
        killed_by=f"{_KEEP}::test_nobody_is_answered_before_the_commit_that_holds_his_mail[sqlite]",
    ),
    Mutant(
        name="a commit that failed is told as done",
        file="app/services/keep.py",
        edits=(
            (
                "            raise  # of a commit too, and then nobody knows whether they are kept\n",
                "            outcomes = [Outcome() for _ in entries]\n",
            ),
        ),
        killed_by=f"{_KEEP}::test_when_a_commit_fails_all_who_share_it_are_told[sqlite]",
    ),
    Mutant(
        name="one mail that is refused fails its neighbours",
        file="app/services/keep.py",
        edits=(("outcomes = one_by_one(entries, self._commit, failed=lambda error: Outcome(failure=error))", "raise"),),
        killed_by=f"{_KEEP}::test_a_mail_that_the_database_refuses_fails_alone[sqlite]",
    ),
)
