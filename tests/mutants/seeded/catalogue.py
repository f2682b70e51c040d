"""The mutants: faults that would each break a promise, and the tests that have to find them.

Each is an exact replacement in one file of the product. Where a promise rests on two guards, one behind the other, the
mutant removes both, since either alone still keeps the promise.
"""

from typing import Final

from tests.mutants.mutant import Mutant
from tests.mutants.seeded.doors.doors import OF_RAW_MESSAGES, OF_SMTP, OF_THE_SES_DOOR
from tests.mutants.seeded.feedback import OF_NOTIFICATIONS, OF_QUEUES
from tests.mutants.seeded.keys import OF_KEYS
from tests.mutants.seeded.local_commands import OF_LOCAL_COMMANDS
from tests.mutants.seeded.lock_order import OF_ORDER
from tests.mutants.seeded.operating import OF_THE_HOUSE, OF_THE_SERVER
from tests.mutants.seeded.privacy import OF_PEOPLE
from tests.mutants.seeded.reporting import OF_BUDGETS, OF_COUNTS, OF_OUTCOMES
from tests.mutants.seeded.sending import OF_THE_CALL
from tests.mutants.seeded.setup import OF_SETUP
from tests.mutants.seeded.sns import OF_SNS
from tests.mutants.seeded.submission import OF_ACCEPTING
from tests.mutants.seeded.suppression import OF_ENTRIES, OF_THE_LIST
from tests.mutants.seeded.users import OF_THE_CONSOLE, OF_USERS
from tests.mutants.seeded.webhooks import OF_DELIVERIES, OF_POSTS

_CLAIMS = "tests/integration/sending/test_claims.py"
_EVERY_ORDER = "tests/unit/sending/test_state_machine_exhaustive.py::test_no_order_of_events_breaks_a_promise"
_EXHAUSTIVE = f"{_EVERY_ORDER}[one email, held]"
_GATE = "tests/integration/suppression/test_gate.py"
_RECONCILE = "tests/integration/sending/test_unconfirmed.py"
_RECORD = "tests/integration/sending/test_record.py"
_RECOVER = "tests/integration/sending/test_crash_recovery.py"
_NOTES = "tests/integration/sending/test_flight_recorder.py"

MUTANTS: Final = (
    Mutant(
        name="the claim takes an email that is claimed already",
        file="app/store/sending/claims.py",
        edits=(
            (
                ".where(recipients.c.id == due.c.id, recipients.c.state.in_(sorted(CLAIMABLE)))",
                ".where(recipients.c.id == due.c.id)",
            ),
        ),
        elsewhere=(
            (
                "app/store/sending/due_email.py",
                (("return (recipients.c.lane == lane, states, recip", "return (recipients.c.lane == lane, recip"),),
            ),
        ),
        killed_by=f"{_CLAIMS}::test_what_is_claimed_is_claimed_once[sqlite]",
    ),
    Mutant(
        name="the claim has no gate",
        file="app/store/sending/claims.py",
        edits=(("suppressed = due.c.suppressed_by.is_not(None)", "suppressed = literal(1) == 0"),),
        killed_by=f"{_CLAIMS}::test_a_suppressed_email_ends_in_the_claim_without_a_call[sqlite]",
    ),
    Mutant(
        name="the claim takes an email that has expired",
        file="app/store/sending/due_email.py",
        edits=(("recipients.c.due_at <= now(), in_time)", "recipients.c.due_at <= now())"),),
        killed_by=f"{_CLAIMS}::test_an_expired_email_is_not_claimed[sqlite]",
    ),
    Mutant(
        name="there is no last look",
        file="app/services/sending/call_ses.py",
        edits=(("refusal = self._last_look(attempt)", "refusal = None"),),
        killed_by=f"{_GATE}::test_an_address_suppressed_after_the_claim_is_caught_by_the_last_look",
    ),
    Mutant(
        name="a worker does not stop when its lease ends",
        file="app/services/sending/call_ses.py",
        edits=(
            ("if self.parts.monotonic() - claimed_at > self.parts.fence_s:", "if self.parts.monotonic() < claimed_at:"),
        ),
        killed_by="tests/integration/sending/test_claim_to_record.py::test_a_worker_that_was_held_up_makes_no_call",
    ),
    Mutant(
        name="the recorder notes a call only once it is over",
        file="app/services/sending/call_ses.py",
        edits=(
            (
                "if not self._noted(lambda: self.parts.recorder.start(attempt.attempt_id)):",
                "if attempt.attempt_id is None:",
            ),
            (
                "        self._noted(lambda: self.parts.recorder.answer(attempt.attempt_id, noted(outcome)))\n",
                (
                    "        self._noted(lambda: self.parts.recorder.start(attempt.attempt_id))\n"
                    "        self._noted(lambda: self.parts.recorder.answer(attempt.attempt_id, noted(outcome)))\n"
                ),
            ),
        ),
        killed_by=f"{_RECOVER}::test_only_the_call_on_the_wire_stays_unknown[sqlite]",
    ),
    Mutant(
        name="a call on the wire of a dead worker is made again",
        file="app/services/sending/crash_recovery.py",
        edits=(("        return _ON_THE_WIRE\n", "        return _NOT_CALLED\n"),),
        killed_by=f"{_RECOVER}::test_only_the_call_on_the_wire_stays_unknown[sqlite]",
    ),
    Mutant(
        name="a lost note counts as not called",
        file="app/services/sending/crash_recovery.py",
        edits=(("return _NOT_CALLED if left.whole else _NOT_NOTED", "return _NOT_CALLED"),),
        killed_by=f"{_NOTES}::test_after_a_reboot_a_call_without_a_note_may_have_been_made[sqlite]",
    ),
    Mutant(
        name="a claim whose commit is unknown is forgotten",
        file="app/services/sending/deliver.py",
        edits=(("            self.all_known = False\n            return False\n", "            return False\n"),),
        killed_by=f"{_NOTES}::test_email_of_a_claim_whose_commit_was_unknown_goes_on_at_once[sqlite]",
    ),
    Mutant(
        name="an answer of SES that a read-only database cannot take is dropped",
        file="app/store/engine/database.py",
        edits=(("(OperationalError, InterfaceError, InternalError)", "(OperationalError, InterfaceError)"),),
        killed_by="tests/integration/house/test_full_database.py::test_an_answer_of_ses_waits_until_it_can_be_written[ReadOnly]",
    ),
    Mutant(
        name="an ended lease puts the email back into the queue",
        file="app/domain/sending/state_machine.py",
        edits=(
            (
                "LEASE_EXPIRED, State.SENDING:\n            return Decision(State.UNCONFIRMED",
                "LEASE_EXPIRED, State.SENDING:\n            return Decision(State.QUEUED",
            ),
        ),
        killed_by=_EXHAUSTIVE,
    ),
    Mutant(
        name="the last event wins",
        file="app/domain/sending/state_machine.py",
        edits=(("if settled and RANK.get(state, 0) >= RANK[reported]:", "if settled and state is reported:"),),
        killed_by=_EXHAUSTIVE,
    ),
    Mutant(
        name="cancel ends an email that may have left",
        file="app/domain/sending/state_machine.py",
        edits=(
            (
                "State.HELD if not facts.attempt_open:\n            return Decision(State.CANCELED)",
                "State.HELD:\n            return Decision(State.CANCELED)",
            ),
        ),
        killed_by=_EXHAUSTIVE,
    ),
    Mutant(
        name="an unknown outcome counts as not sent",
        file="app/services/sending/record.py",
        edits=(("advance(row, Event.OUTCOME_UNKNOWN, facts", "advance(row, Event.NOT_SENT, facts"),),
        killed_by=_EXHAUSTIVE,
    ),
    Mutant(
        name="a possible duplicate is not flagged",
        file="app/domain/sending/state_machine.py",
        edits=(
            (
                "_RESENT = frozenset({Effect.MARK_POSSIBLE_DUPLICATE})",
                "_RESENT = frozenset[Effect]()",
            ),
        ),
        killed_by=f"{_RECONCILE}::test_an_email_proven_absent_is_sent_again_once_and_flagged[sqlite]",
    ),
    Mutant(
        name="there is no quiet time",
        file="app/domain/sending/unconfirmed_policy.py",
        edits=(("if quiet_for < quiet_needed:", "if quiet_for < quiet_needed / 10:"),),
        killed_by=f"{_EVERY_ORDER}[one email, resent]",
    ),
    Mutant(
        name="without a canary and peers there is still a proof",
        file="app/domain/sending/unconfirmed_policy.py",
        edits=(("enough = self.accepted >= ENOUGH_PEERS or self.canary_seen", "enough = self.accepted >= 0"),),
        killed_by=f"{_RECONCILE}::test_with_little_traffic_one_canary_is_the_proof[sqlite]",
    ),
    Mutant(
        name="peers need no events",
        file="app/domain/sending/unconfirmed_policy.py",
        edits=(("return enough and self.seen >= _CAUGHT_UP * self.accepted", "return enough"),),
        killed_by=f"{_RECONCILE}::test_silence_proves_nothing_while_peers_lack_their_events[sqlite-0]",
    ),
    Mutant(
        name="an old canary is believed",
        file="app/store/sending/unconfirmed.py",
        edits=(("attempts.c.started_at > around + AROUND", "attempts.c.started_at > around"),),
        killed_by=f"{_RECONCILE}::test_a_canary_that_was_sent_before_the_email_proves_nothing_about_it[sqlite]",
    ),
    Mutant(
        name="an email that is sent again keeps its unknown outcome",
        file="app/services/sending/unconfirmed.py",
        edits=(
            (
                "_close_unknown(connection, proven, evidence",
                "_close_unknown(connection, [], evidence",
            ),
        ),
        killed_by=f"{_RECONCILE}::test_an_email_that_expires_before_its_second_call_ends_as_expired",
    ),
    Mutant(
        name="a report counts without a lease",
        file="app/services/sending/record.py",
        edits=(("held = row.lease_token == report.attempt.token", "held = True"),),
        killed_by=f"{_RECORD}::test_a_report_under_another_claim_changes_nothing",
    ),
    Mutant(
        name="acceptance counts only under the lease",
        file="app/services/sending/record.py",
        edits=(
            (
                "            case Accepted(ses_message_id):",
                "            case Accepted(ses_message_id) if facts.lease_held:",
            ),
        ),
        killed_by=f"{_RECORD}::test_acceptance_wins_over_an_ended_lease[sqlite]",
    ),
    Mutant(
        name="throttling burns attempts",
        file="app/services/sending/record.py",
        edits=(
            (
                (
                    "due = now + _THROTTLE_WAIT * (0.5 + self._jitter())\n"
                    "                return advance(row, Event.NOT_SENT_BLAMELESS, facts"
                ),
                (
                    "due = now + _THROTTLE_WAIT * (0.5 + self._jitter())\n"
                    "                return advance(row, Event.NOT_SENT, facts"
                ),
            ),
        ),
        killed_by=f"{_RECORD}::test_a_failure_that_the_email_did_not_cause_burns_no_attempt",
    ),
    Mutant(
        name="a late report overrules a settled outcome",
        file="app/store/sending/attempts.py",
        edits=(
            (
                "_CLOSE_AS_UNKNOWN = _close_where(attempts.c.outcome == AttemptOutcome.CALLING)",
                "_CLOSE_AS_UNKNOWN = _close_where(attempts.c.outcome != AttemptOutcome.ACCEPTED)",
            ),
        ),
        killed_by=f"{_RECONCILE}::test_a_late_report_without_an_answer_puts_no_settled_email_in_doubt[sqlite]",
    ),
    Mutant(
        name="a 5xx means not sent",
        file="app/aws/ses/error_responses.py",
        edits=(('return Ambiguous(f"SES answered {status}', 'return Retry(f"SES answered {status}'),),
        killed_by="tests/unit/sending/test_mailer.py::test_every_answer_of_ses_proves_one_thing",
    ),
    Mutant(
        name="the SDK retries",
        file="app/aws/clients.py",
        edits=(('"total_max_attempts": 1', '"total_max_attempts": 3'),),
        killed_by="tests/integration/aws/test_ses_wire.py::test_one_call_is_one_wire_request",
    ),
    Mutant(
        name="every topic counts as ours",
        file="app/aws/sns/verifier.py",
        edits=(("topic = self.topics.get(envelope.topic_arn)", "topic = parse_topic_arn(envelope.topic_arn)"),),
        killed_by="tests/unit/feedback/test_sns_corpus.py",
    ),
    Mutant(
        name="the gate passes everything while Redis is away",
        file="app/services/suppression/gate.py",
        edits=(
            ("found = self._listed(names) if names else {}", "found = self._listed(names) if names and hits else {}"),
        ),
        killed_by=f"{_GATE}::test_without_redis_the_same_recipients_are_reached[sqlite]",
    ),
    Mutant(
        name="a flushed Redis is believed",
        file="app/store/suppression/positive_cache.py",
        edits=(("if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end\n", ""),),
        killed_by="tests/integration/suppression/test_positive_cache.py",
    ),
    Mutant(
        name="a lost bell is never rung again",
        file="app/services/operating/upkeep.py",
        edits=(("return sum(self._bells.ring(bell) for bell in bells)", "return len(bells)"),),
        killed_by="tests/integration/operating/test_upkeep.py::test_bells_are_rung_only_for_due_work[sqlite]",
    ),
    *OF_BUDGETS,
    *OF_COUNTS,
    *OF_ENTRIES,
    *OF_KEYS,
    *OF_ACCEPTING,
    *OF_RAW_MESSAGES,
    *OF_SMTP,
    *OF_THE_SES_DOOR,
    *OF_LOCAL_COMMANDS,
    *OF_NOTIFICATIONS,
    *OF_QUEUES,
    *OF_SETUP,
    *OF_SNS,
    *OF_ORDER,
    *OF_OUTCOMES,
    *OF_PEOPLE,
    *OF_POSTS,
    *OF_USERS,
    *OF_DELIVERIES,
    *OF_THE_CALL,
    *OF_THE_CONSOLE,
    *OF_THE_HOUSE,
    *OF_THE_SERVER,
    *OF_THE_LIST,
)
