"""Mutants of acceptance: answers before the commit, idempotency keys, limits, emails that fail because of another."""

from typing import Final

from tests.mutants.mutant import Mutant

_KEEP = "tests/integration/submission/test_commit.py"
_SUPERSEDE = "tests/integration/submission/test_supersede.py"
_LIMITS = "tests/integration/apps/test_limits.py"
_MAIN_LOOP = "tests/integration/house/test_main_loop.py"
_REQUEST_ID = "tests/integration/web/test_request_id.py"
_STATEMENT = "tests/integration/submission/commits/test_one_statement.py"

OF_ACCEPTING: Final = (
    Mutant(
        name="an idempotency key is stored and not looked up",
        file="app/services/submission/commit.py",
        edits=(
            (
                "return Outcome(emails=entry.emails) if earlier is None else Outcome(earlier=earlier)",
                "return Outcome(emails=entry.emails)",
            ),
        ),
        killed_by=f"{_MAIN_LOOP}::test_the_same_idempotency_key_gives_the_same_email[sqlite]",
    ),
    Mutant(
        name="two emails that supersede do not wait for each other",
        file="app/services/submission/supersede.py",
        edits=(
            ('    advisory_locks.hold(connection, [f"supersedes {app_id} {key}" for app_id, key, _ in last])\n', ""),
        ),
        killed_by=f"{_SUPERSEDE}::test_of_two_at_once_the_later_one_stays[0]",
    ),
    Mutant(
        name="an email that supersedes cancels itself",
        file="app/services/submission/supersede.py",
        edits=(("newer.keys() - stay", "newer"),),
        killed_by=f"{_SUPERSEDE}::test_a_newer_email_with_the_key_cancels_the_older_ones[sqlite]",
    ),
    Mutant(
        name="a repetition does not name what was superseded",
        file="app/services/submission/commit.py",
        edits=(("            idempotency_keys.replace_answer(connection, entry.claim, answer)\n", ""),),
        killed_by=f"{_SUPERSEDE}::test_a_repeated_request_gets_the_same_answer_and_supersedes_nothing[sqlite]",
    ),
    Mutant(
        name="an email whose call may be open is superseded",
        file="app/services/submission/change.py",
        edits=(("row.id: TransitionFacts(attempt_open=row.id in flying, ", "row.id: TransitionFacts("),),
        killed_by=f"{_SUPERSEDE}::test_an_email_whose_call_may_be_open_is_not_superseded[sqlite-queued]",
    ),
    Mutant(
        name="the one statement forgets which request brought the email",
        file="app/store/submission/single_emails.py",
        edits=(('"supersedes", "request_id", ', '"supersedes", '),),
        killed_by=f"{_STATEMENT}::test_it_writes_what_a_transaction_writes[None]",
    ),
    Mutant(
        name="a message by SMTP is kept under an id that no log names",
        file="app/smtp/handler.py",
        edits=(("content=content, request_id=request_id)", "content=content, request_id=uuid7())"),),
        killed_by="tests/integration/smtp/test_on_gateway.py::test_a_message_has_a_request_id_of_its_own",
    ),
    Mutant(
        name="the worker does not say which request brought the email",
        file="app/services/sending/call_pools.py",
        edits=(("request_id=self.sealed_email.request_id,", "request_id=None,"),),
        killed_by=f"{_REQUEST_ID}::test_the_worker_says_what_a_call_came_to_under_the_id[sqlite]",
    ),
    Mutant(
        name="a call to SES is not in the trace of its request",
        file="app/services/sending/call_pools.py",
        edits=(('tracing.span("call", order.sealed_email.request_id)', 'tracing.span("call")'),),
        killed_by="tests/integration/house/test_traces.py::test_the_way_of_an_email_is_traced[early]",
    ),
    Mutant(
        name="a span holds what the log may not",
        file="app/open_telemetry.py",
        edits=(('redact(None, "", {', "dict({"),),
        killed_by="tests/unit/operating/test_tracing.py::test_a_span_is_held_to_the_rules_of_the_log",
    ),
    Mutant(
        name="an idempotency key is not bound to its request",
        file="app/services/submission/accept.py",
        edits=(("if not idempotency.is_of(earlier.fingerprint):", "if not earlier.fingerprint:"),),
        killed_by="tests/integration/submission/test_web_idempotency.py::test_an_idempotency_key_belongs_to_one_request[sqlite]",
    ),
    Mutant(
        name="requests that wait for a commit are answered before it",
        file="app/services/group_commit.py",
        edits=(
            (
                "            committed = self._kept(requests)\n",
                (
                    "            answers = [SimpleNamespace(earlier=None, emails=one.emails) for one in requests]\n"
                    "            committed = [Committed((one,)) for one in answers]\n"
                    "            here = threading.current_thread().name\n"
                    "            threading.Thread(target=self._commit, args=[requests], name=here).start()\n"
                ),
            ),
            (
                "from collections.abc import Callable, Sequence\n",
                "import threading\nfrom collections.abc import Callable, Sequence\nfrom types import SimpleNamespace\n",
            ),
        ),
        killed_by=f"{_KEEP}::test_no_request_is_answered_before_the_commit_of_its_email[sqlite]",
    ),
    Mutant(
        name="a failed commit is reported as done",
        file="app/services/group_commit.py",
        edits=(
            (
                "            raise  # perhaps after the commit, so it is not known whether they are kept\n",
                "            committed = [Committed((SimpleNamespace(earlier=None, emails=()),)) for _ in requests]\n",
            ),
            (
                "from dataclasses import dataclass, replace\n",
                "from dataclasses import dataclass, replace\nfrom types import SimpleNamespace\n",
            ),
        ),
        killed_by=f"{_KEEP}::test_when_a_commit_fails_every_request_that_shares_it_fails[sqlite]",
    ),
    Mutant(
        name="one refused email fails its neighbours",
        file="app/services/group_commit.py",
        edits=(("committed = one_by_one(requests, self._kept, failed=_failed)", "raise"),),
        killed_by=f"{_KEEP}::test_an_email_that_the_database_refuses_fails_alone[sqlite]",
    ),
    Mutant(
        name="a name without quotes may hold an address",
        file="app/domain/message/mailboxes.py",
        edits=((' or "\\\\" in phrase or _looks_like_an_address(phrase):', ' or "\\\\" in phrase:'),),
        killed_by="tests/unit/message/test_mailboxes.py::test_what_is_taken_has_the_recipients_that_a_reader_sees",
    ),
    Mutant(
        name="an email that waits is held to a newer rule of form",
        file="app/domain/message/mime.py",
        edits=(("if faults := _check_form(message):", "if faults := check_message(message):"),),
        killed_by="tests/unit/message/test_headers.py::test_what_was_accepted_under_older_rules_is_still_sent",
    ),
    Mutant(
        name="HTML of any length gets a text",
        file="app/domain/message/plain_text.py",
        edits=(("if len(html) > HTML_LIMIT or ", "if "),),
        killed_by="tests/unit/message/test_plain_text.py::test_html_beyond_the_limit_gets_no_text",
    ),
    Mutant(
        name="of two tags with one name the last is kept",
        file="app/store/submission/tags.py",
        edits=(("found if len(found) > 1 else found[0]", "found[-1]"),),
        killed_by="tests/integration/submission/test_look_up.py::test_two_tags_of_one_name_are_kept_and_found[sqlite]",
    ),
    Mutant(
        name="processes count without waiting for each other",
        file="app/store/apps/usage.py",
        edits=(("    .with_for_update()\n", ""),),
        killed_by=f"{_LIMITS}::test_all_processes_share_the_limit_of_a_day[postgresql]",
    ),
    Mutant(
        name="a request counts once, whatever its recipients",
        file="app/services/submission/commit.py",
        edits=(("sum(len(email.recipients) for email in outcome.emails)", "len(outcome.emails[:1])"),),
        killed_by=f"{_LIMITS}::test_batches_of_all_processes_are_accepted_whole_or_not_at_all[sqlite]",
    ),
    Mutant(
        name="a repeated request is counted again",
        file="app/services/submission/commit.py",
        edits=(
            ("if entry.limits is not None and outcome.emails:", "if entry.limits is not None:"),
            ("for email in outcome.emails)\n            yield", "for email in entry.emails)\n            yield"),
            ("Spending(outcome.emails[0].app_id", "Spending(entry.emails[0].app_id"),
        ),
        killed_by=f"{_LIMITS}::test_a_repeated_request_costs_nothing[sqlite]",
    ),
    Mutant(
        name="what is scheduled is listed as due",
        file="app/store/submission/email_filter.py",
        edits=((", rows.c.due_at <= now()]", "]"),),
        killed_by="tests/integration/submission/test_look_up.py::"
        "test_emails_are_found_by_their_lane_and_by_what_is_due[sqlite]",
    ),
)
