"""The mutants around a call to SES: what may be believed right before it, and what is done twice or not at all."""

from typing import Final

from tests.mutants.mutant import Mutant

_EARLY = "tests/integration/test_early_calls.py"
_LAST_LOOK = "tests/integration/test_last_look.py"

OF_THE_CALL: Final = (
    Mutant(
        name="the last look asks Redis",
        file="app/wiring.py",
        edits=(
            (
                "from app.services.last_look import LastLook\n",
                (
                    "from app.services.gate import Addressee\nfrom app.services.last_look import LastLook\n"
                    "from app.services.results import FoundSuppressed\n"
                ),
            ),
            (
                "look = LastLook(ground.database)",
                (
                    "look = lambda mine: next((FoundSuppressed(entry.origin) for entry in ground.gate.suppressed("
                    "[Addressee(mine.recipient.key, mine.recipient.scope)]).values()), None)"
                ),
            ),
        ),
        killed_by="tests/integration/test_gate.py::test_what_is_suppressed_after_the_claim_is_caught_by_the_last_look"
        "[sqlite-warm and without it]",
    ),
    Mutant(
        name="what an earlier look found is believed",
        file="app/services/last_look.py",
        edits=(
            (
                "return self._look(mine)",
                (
                    "known = self.__dict__\n"
                    "            key = mine.recipient.key\n"
                    "            return known[key] if key in known else known.setdefault(key, self._look(mine))"
                ),
            ),
        ),
        killed_by=f"{_LAST_LOOK}::test_what_was_committed_before_the_look_is_seen_whatever_redis_holds[sqlite]",
    ),
    Mutant(
        name="a look is given the answer of a query that began before it",
        file="app/services/combine.py",
        edits=(
            (
                "            for one, answer in zip(group, answers, strict=True):",
                (
                    "            with self._door:\n"
                    "                late = list(self._waiting)\n"
                    "                self._waiting.clear()\n"
                    "            group += late\n"
                    "            answers = [*answers, *[answers[0]] * len(late)]\n"
                    "            for one, answer in zip(group, answers, strict=True):"
                ),
            ),
        ),
        killed_by="tests/unit/test_combine.py::test_no_answer_is_older_than_its_question",
    ),
    Mutant(
        name="calls that share a look are not looked at",
        file="app/services/calls.py",
        edits=(("refusals = self.call.look([errand.mine for errand, _ in ready])", "refusals = [None] * len(ready)"),),
        killed_by=f"{_EARLY}::test_a_suppression_from_before_the_look_is_seen[sqlite]",
    ),
    Mutant(
        name="a look is believed however old it is",
        file="app/services/calls.py",
        edits=(("if number and self._monotonic() - looked_at > LOOK_LASTS_S:", "if number > len(ready) + looked_at:"),),
        killed_by=f"{_EARLY}::test_a_suppression_from_while_another_call_was_held_up_is_seen[sqlite]",
    ),
    Mutant(
        name="the last look does not ask whose the mail is",
        file="app/store/claims.py",
        edits=((" or lease_token != mine.recipient.lease_token", ""),),
        killed_by=f"{_LAST_LOOK}::test_of_two_claims_of_one_mail_the_later_one_may_call[sqlite]",
    ),
    Mutant(
        name="the last look does not ask whether the lease is over",
        file="app/store/claims.py",
        edits=((", recipients.c.lease_until > now())\n    origin", ")\n    origin"),),
        killed_by=f"{_LAST_LOOK}::test_a_mail_that_is_no_longer_ours_is_not_called[sqlite-sleep_past_the_lease]",
    ),
    Mutant(
        name="a claim whose commit is unknown is worked on, without a last look",
        file="app/services/deliver.py",
        edits=(
            (
                (
                    "        with self._parts.database.transaction() as connection:\n"
                    "            claim = claim_in_turn(connection, wishes)\n"
                ),
                (
                    "        with suppress(ServiceUnavailable), self._parts.database.transaction() as connection:\n"
                    "            claim = claim_in_turn(connection, wishes)\n"
                ),
            ),
            (
                "from dataclasses import dataclass, replace\n",
                "from contextlib import suppress\nfrom dataclasses import dataclass, replace\n",
            ),
            (
                "        self._parts.calls.make(errands)",
                "        self._parts.calls.call._look = lambda _: None\n        self._parts.calls.make(errands)",
            ),
        ),
        killed_by="tests/integration/test_windows.py::test_a_claim_whose_commit_is_unknown_is_abandoned[sqlite-lost]",
    ),
    Mutant(
        name="two requests with one idempotency key race",
        file="app/store/keys.py",
        edits=(
            (
                "    ours = _taken(connection, first, lasts=lasts)\n",
                (
                    "    free = {place: claim for place, claim in first.items()\n"
                    "            if recall(connection, app_id=claim.app_id, key=claim.key) is None}\n"
                    "    ours = set(free)\n"
                    "    _taken(connection, free, lasts=lasts) if free else None\n"
                ),
            ),
        ),
        killed_by="tests/integration/test_keep.py::test_two_processes_and_one_key_make_one_mail[postgresql]",
    ),
    Mutant(
        name="an event that SNS brings twice counts twice",
        file="app/services/judge.py",
        edits=(('dedup=fingerprint(feedback.recipient or ""', "dedup=fingerprint(str(news.notification_id)"),),
        killed_by="tests/integration/test_settle.py::test_a_notification_under_many_sns_ids_is_settled_once",
    ),
)
