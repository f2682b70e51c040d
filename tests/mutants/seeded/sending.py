"""Mutants of a call to SES: checks right before it, and work that is done twice or not at all."""

from typing import Final

from tests.mutants.mutant import Mutant

_EARLY = "tests/integration/sending/test_call_pools.py"
_FAULT = "tests/integration/sending/circuits/test_our_fault.py"
_KEPT = "tests/unit/sending/test_connections.py"
_REACH = "tests/integration/sending/circuits/test_out_of_reach.py"
_CHOICE = "tests/integration/aws/test_transport_choice.py"
_CLAIMS = "tests/integration/sending/test_claims.py"
_LAST_LOOK = "tests/integration/sending/test_last_look.py"
_STATEMENT: Final = "tests/integration/submission/commits/test_one_statement.py"

OF_THE_CALL: Final = (
    Mutant(
        name="the default transport bypasses the proxy",
        file="app/aws/ses/fast_client.py",
        edits=(("    if get_environ_proxies(endpoint).get(parts.scheme):\n", "    if not endpoint:\n"),),
        killed_by=f"{_CHOICE}::test_readiness_says_which_transport_and_why[sqlite-a proxy]",
    ),
    Mutant(
        name="a drain leaves its bell ringing",
        file="app/services/sending/deliver.py",
        edits=((", clears=self._unanswered)", ")"),),
        killed_by="tests/integration/sending/test_deliver.py::test_a_bell_is_answered_before_the_claim[sqlite]",
    ),
    Mutant(
        name="PostgreSQL plans the statements of each single email",
        file="app/store/engine/bulk_statements.py",
        edits=(
            ('connection.dialect.name == "postgresql" and len(rows) > 1', 'connection.dialect.name == "postgresql"'),
        ),
        killed_by="tests/integration/sending/test_deliver.py::test_an_email_alone_needs_no_statement_with_arrays[postgresql]",
    ),
    Mutant(
        name="an unreadable file of certificates stops the worker",
        file="app/aws/ses/fast_client.py",
        edits=(("except OSError as error:", "except KeyError as error:"),),
        killed_by=f"{_CHOICE}::test_readiness_says_which_transport_and_why[sqlite-no such bundle]",
    ),
    Mutant(
        name="the last look reads Redis",
        file="app/wiring/sending.py",
        edits=(
            (
                "from app.services.sending.last_look import LastLook\n",
                (
                    "from app.services.suppression.gate import Addressee, Gate\n"
                    "from app.services.sending.last_look import LastLook\n"
                    "from app.services.sending.call_results import FoundSuppressed\n"
                ),
            ),
            (
                "look = LastLook(ground.database)",
                (
                    "gate = Gate(database=ground.database, positives=ground.positives, pseudonyms=ground.pseudonyms)\n"
                    "    look = lambda mine: next((FoundSuppressed(entry.origin) for entry in gate.suppressed("
                    "[Addressee(mine.recipient.key, mine.recipient.scope)]).values()), None)"
                ),
            ),
        ),
        killed_by="tests/integration/suppression/test_gate.py::test_an_address_suppressed_after_the_claim_is_caught_by_the_last_look"
        "[sqlite-warm and without it]",
    ),
    Mutant(
        name="the result of an earlier look is trusted",
        file="app/services/sending/last_look.py",
        edits=(
            (
                "return self._look(attempt)",
                (
                    "known = self.__dict__\n"
                    "            key = attempt.recipient.key\n"
                    "            return known[key] if key in known else known.setdefault(key, self._look(attempt))"
                ),
            ),
        ),
        killed_by=f"{_LAST_LOOK}::test_a_suppression_from_before_the_look_is_seen_whatever_redis_holds[sqlite]",
    ),
    Mutant(
        name="a look is given the answer of a query that began before it",
        file="app/services/coalesce.py",
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
        killed_by="tests/unit/house/test_coalesce.py::test_no_answer_is_older_than_its_question",
    ),
    Mutant(
        name="calls that share a look are not looked at",
        file="app/services/sending/call_pools.py",
        edits=(("refusals = self.call.look([order.attempt for order, _ in ready])", "refusals = [None] * len(ready)"),),
        killed_by=f"{_EARLY}::test_a_suppression_from_before_the_look_is_seen[sqlite]",
    ),
    Mutant(
        name="calls that share a look are made when the database is away",
        file="app/services/sending/last_look.py",
        edits=(("return [_AWAY] * len(emails)", "return [None] * len(emails)"),),
        killed_by=f"{_EARLY}::test_without_a_last_look_no_email_is_called[sqlite-Away.]",
    ),
    Mutant(
        name="calls that share a look are made when the look breaks",
        file="app/services/sending/call_ses.py",
        edits=(("return [_look_failed(error)] * len(emails)", "return [None] * len(emails)"),),
        killed_by=f"{_EARLY}::test_without_a_last_look_no_email_is_called[sqlite-unforeseen]",
    ),
    Mutant(
        name="half an answer is read as a whole one",
        file="app/aws/ses/connections.py",
        edits=(("if not length.isdigit() or int(length) != len(content):", "if not length.isdigit():"),),
        killed_by=f"{_KEPT}::test_a_part_of_an_answer_is_waited_for",
    ),
    Mutant(
        name="an answer that was cut off is read as a whole one",
        file="app/aws/ses/connections.py",
        edits=(
            (
                "if response.length and len(content) < LONGEST_ANSWER:",
                "if response.length and len(content) > LONGEST_ANSWER:",
            ),
        ),
        killed_by=f"{_KEPT}::test_half_an_answer_is_none",
    ),
    Mutant(
        name="SES out of reach burns attempts",
        file="app/aws/ses/mailer.py",
        edits=(("            return Tripped(UNREACHABLE, words)\n", "            return Retry(words)\n"),),
        killed_by=f"{_REACH}::test_an_outage_longer_than_all_attempts_ends_no_email[sqlite-fast]",
    ),
    Mutant(
        name="one failed connection holds all emails back",
        file="app/services/sending/circuits.py",
        edits=(
            (
                "for scope in sorted(tripped.keys() - (proven & {REACH, KEYS})):",
                "for scope in sorted(tripped.keys()):",
            ),
        ),
        killed_by=f"{_REACH}::test_a_connection_that_fails_beside_others_that_succeed_opens_no_circuit[sqlite]",
    ),
    Mutant(
        name="two circuits of one email wait for each other",
        file="app/services/sending/claim_order.py",
        edits=(("return [*tries, *(replace(wanted, passes_others=True) for wanted in tries)]", "return tries"),),
        killed_by=f"{_REACH}::test_two_circuits_of_one_email_do_not_wait_for_each_other",
    ),
    Mutant(
        name="an unknown error code of SES ends the email",
        file="app/aws/ses/error_responses.py",
        edits=(
            (
                'return lambda text, _: Retry(_reason(words, text), incident="ses_answer_unknown", subject=answer)',
                "return lambda text, _: Refused(_reason(words, text))",
            ),
        ),
        killed_by="tests/unit/sending/test_mailer.py::test_every_answer_of_ses_proves_one_thing",
    ),
    Mutant(
        name="trouble with the account is recognised by its code alone",
        file="app/aws/ses/error_responses.py",
        edits=(("verdict = _by_words(text) or STATUSES", "verdict = STATUSES"),),
        killed_by="tests/unit/sending/test_mailer.py::test_trouble_with_the_account_is_recognised_by_its_text",
    ),
    Mutant(
        name="SES's quotation of an email is read as SES's own words",
        file="app/aws/ses/error_responses.py",
        edits=(
            ("    said = scrub(text)\n    return next((verdict", "    said = text\n    return next((verdict"),
            ("return re.compile(pattern, re.IGNORECASE)", 'return re.compile(pattern.replace("^", ""), re.IGNORECASE)'),
        ),
        killed_by="tests/unit/sending/test_mailer.py::test_text_that_ses_quotes_of_an_email_opens_no_circuit",
    ),
    Mutant(
        name="an email that cannot be rendered fails",
        file="app/domain/sending/state_machine.py",
        edits=(("Event.ATTEMPTS_EXHAUSTED: (State.HELD,", "Event.ATTEMPTS_EXHAUSTED: (State.FAILED,"),),
        killed_by=f"{_FAULT}::test_a_bug_in_rendering_holds_only_its_email[sqlite]",
    ),
    Mutant(
        name="a missing key burns attempts",
        file="app/services/sending/call_ses.py",
        edits=(('return Tripped("keys", f"The', 'return Retry(f"The'),),
        killed_by=f"{_FAULT}::test_without_its_key_no_email_ends_and_all_go_once_the_key_is_there[sqlite]",
    ),
    Mutant(
        name="the bound of an email counts its MIME",
        file="app/domain/message/mime.py",
        edits=(("RAW_LIMIT = TRAVEL_LIMIT // 4 * 3", "RAW_LIMIT = TRAVEL_LIMIT"),),
        killed_by="tests/unit/message/test_mime.py::test_size_is_bounded_as_it_travels",
    ),
    Mutant(
        name="a look is trusted however old it is",
        file="app/services/sending/call_pools.py",
        edits=(("if number and self._monotonic() - looked_at > LOOK_LASTS_S:", "if number > len(ready) + looked_at:"),),
        killed_by=f"{_EARLY}::test_a_suppression_from_while_another_call_was_held_up_is_seen[sqlite]",
    ),
    Mutant(
        name="one application takes the whole claim",
        file="app/store/sending/due_email.py",
        edits=(('bindparam("share", type_=Integer())', 'bindparam("limit", type_=Integer())'),),
        killed_by=f"{_CLAIMS}::test_a_batch_is_shared_by_the_waiting_applications[postgresql]",
    ),
    Mutant(
        name="the last look does not check the holder of the lease",
        file="app/store/sending/claims.py",
        edits=((" or lease_token != attempt.recipient.lease_token", ""),),
        killed_by=f"{_LAST_LOOK}::test_of_two_claims_of_one_email_the_later_one_may_call[sqlite]",
    ),
    Mutant(
        name="the last look does not check whether the lease is over",
        file="app/store/sending/claims.py",
        edits=((", recipients.c.lease_until > now())\n    origin", ")\n    origin"),),
        killed_by=f"{_LAST_LOOK}::test_an_email_that_is_no_longer_ours_is_not_called[sqlite-sleep_past_the_lease]",
    ),
    Mutant(
        name="a claim whose commit is unknown is worked on, without a last look",
        file="app/services/sending/deliver.py",
        edits=(
            (
                '        with tracing.span("claim") as span, parts.database.transaction() as connection:\n',
                (
                    '        with suppress(ServiceUnavailable), tracing.span("claim") as span, '
                    "parts.database.transaction() as connection:\n"
                ),
            ),
            (
                "from dataclasses import dataclass, replace\n",
                "from contextlib import suppress\nfrom dataclasses import dataclass, replace\n",
            ),
            (
                "        parts.calls.make(orders)",
                (
                    "        call = parts.calls.call\n"
                    "        call.parts = replace(call.parts, last_look=lambda _: None)\n"
                    "        parts.calls.make(orders)"
                ),
            ),
        ),
        killed_by="tests/integration/sending/test_claim_to_record.py::test_a_claim_whose_commit_is_unknown_is_abandoned[sqlite-lost]",
    ),
    Mutant(
        name="an email is added by a statement though its idempotency key is taken",
        file="app/store/submission/single_emails.py",
        edits=(
            (
                "    is_free = or_(key.is_(None), select(taken.c.app_id).exists())\n",
                "    is_free = literal_column('true')\n",
            ),
        ),
        killed_by=f"{_STATEMENT}::test_one_key_counts_once_in_a_group",
    ),
    Mutant(
        name="a group of statements is not counted in the tallies",
        file="app/store/submission/single_emails.py",
        edits=(("        cursor.connection.execute(_TALLY_GROUP, whole)\n", ""),),
        killed_by=f"{_STATEMENT}::test_it_is_not_answered_before_its_commit",
    ),
    Mutant(
        name="a statement is committed again after the database was away",
        file="app/store/engine/database.py",
        edits=(("    *(psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError),\n", ""),),
        killed_by=f"{_STATEMENT}::test_when_the_database_goes_away_each_is_told_to_repeat_it",
    ),
    Mutant(
        name="two requests with one idempotency key race",
        file="app/store/submission/idempotency_keys.py",
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
        killed_by="tests/integration/submission/test_commit.py::test_two_processes_and_one_key_make_one_email[postgresql]",
    ),
    Mutant(
        name="an event that SNS brings twice counts twice",
        file="app/services/feedback/interpret.py",
        edits=(('dedup=fingerprint(ses_event.recipient or ""', "dedup=fingerprint(str(received.notification_id)"),),
        killed_by="tests/integration/feedback/test_settle.py::test_a_notification_under_many_sns_ids_is_settled_once",
    ),
)
