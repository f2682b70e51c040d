"""The mutants: faults that would each break a promise, and the tests that are there to notice.

Each is an exact replacement in one file of the product. Where a promise rests on two guards, one behind the other, the
mutant takes both away, since either alone still keeps the promise.
"""

from typing import Final

from tests.mutants.mutant import Mutant
from tests.mutants.of_accepting import OF_ACCEPTING
from tests.mutants.of_entries import OF_ENTRIES
from tests.mutants.of_news import OF_NEWS
from tests.mutants.of_people import OF_PEOPLE
from tests.mutants.of_the_call import OF_THE_CALL
from tests.mutants.of_the_list import OF_THE_LIST

_CLAIMS = "tests/integration/test_claims.py"
_EXHAUSTIVE = "tests/unit/test_exhaustive.py::test_no_order_of_events_breaks_a_promise[one mail, held]"
_GATE = "tests/integration/test_gate.py"
_RECONCILE = "tests/integration/test_reconcile.py"
_RECORD = "tests/integration/test_record.py"
_RECOVER = "tests/integration/test_recover.py"
_NOTES = "tests/integration/test_flight_notes.py"

MUTANTS: Final = (
    Mutant(
        name="claims what is claimed",
        file="app/store/claims.py",
        edits=(
            (
                ".where(recipients.c.id == due.c.id, recipients.c.state.in_(sorted(CLAIMABLE)))",
                ".where(recipients.c.id == due.c.id)",
            ),
            ("return (recipients.c.lane == lane, states, recipients", "return (recipients.c.lane == lane, recipients"),
        ),
        killed_by=f"{_CLAIMS}::test_what_is_claimed_is_claimed_once[sqlite]",
    ),
    Mutant(
        name="no gate in the claim",
        file="app/store/claims.py",
        edits=(("suppressed = due.c.suppressed_by.is_not(None)", "suppressed = literal(1) == 0"),),
        killed_by=f"{_CLAIMS}::test_a_suppressed_mail_ends_in_the_claim_without_a_call[sqlite]",
    ),
    Mutant(
        name="claims what has expired",
        file="app/store/claims.py",
        edits=(("recipients.c.due_at <= now(), in_time)", "recipients.c.due_at <= now())"),),
        killed_by=f"{_CLAIMS}::test_an_expired_mail_is_not_claimed[sqlite]",
    ),
    Mutant(
        name="no last look",
        file="app/services/call.py",
        edits=(("refusal = self._last_look(mine)", "refusal = None"),),
        killed_by=f"{_GATE}::test_what_is_suppressed_after_the_claim_is_caught_by_the_last_look",
    ),
    Mutant(
        name="no self-fence",
        file="app/services/call.py",
        edits=(("if self._monotonic() - claimed_at > self._fence_s:", "if self._monotonic() < claimed_at:"),),
        killed_by="tests/integration/test_windows.py::test_a_worker_that_was_held_up_calls_nobody",
    ),
    Mutant(
        name="the recorder notes a call only once it is over",
        file="app/services/call.py",
        edits=(
            ("if not self._noted(lambda: self._recorder.start(mine.attempt_id)):", "if mine.attempt_id is None:"),
            (
                "        self._noted(lambda: self._recorder.answer(mine.attempt_id, noted(outcome)))\n",
                (
                    "        self._noted(lambda: self._recorder.start(mine.attempt_id))\n"
                    "        self._noted(lambda: self._recorder.answer(mine.attempt_id, noted(outcome)))\n"
                ),
            ),
        ),
        killed_by=f"{_RECOVER}::test_only_the_call_on_the_wire_stays_unknown[sqlite]",
    ),
    Mutant(
        name="a call on the wire of a dead worker is made again",
        file="app/services/recover.py",
        edits=(("        return _ON_THE_WIRE\n", "        return _NOT_CALLED\n"),),
        killed_by=f"{_RECOVER}::test_only_the_call_on_the_wire_stays_unknown[sqlite]",
    ),
    Mutant(
        name="what a lost note may have told counts as not called",
        file="app/services/recover.py",
        edits=(("return _NOT_CALLED if left.whole else _NOT_TOLD", "return _NOT_CALLED"),),
        killed_by=f"{_NOTES}::test_after_a_reboot_what_is_not_noted_may_have_been_done[sqlite]",
    ),
    Mutant(
        name="a claim whose commit is unknown is forgotten",
        file="app/services/deliver.py",
        edits=(("            self.all_known = False\n            return False\n", "            return False\n"),),
        killed_by=f"{_NOTES}::test_mail_of_a_claim_whose_commit_was_unknown_goes_on_at_once[sqlite]",
    ),
    Mutant(
        name="an answer of SES that a read-only database cannot take is dropped",
        file="app/store/db.py",
        edits=(("InterfaceError, InternalError, PoolTimeout", "InterfaceError, PoolTimeout"),),
        killed_by="tests/integration/test_full_database.py::test_an_answer_of_ses_waits_until_it_can_be_written[ReadOnly]",
    ),
    Mutant(
        name="a lapsed lease puts the mail back into the queue",
        file="app/domain/delivery.py",
        edits=(
            (
                "LEASE_EXPIRED, State.SENDING:\n            return Decision(\n                State.UNCONFIRMED",
                "LEASE_EXPIRED, State.SENDING:\n            return Decision(\n                State.QUEUED",
            ),
        ),
        killed_by=_EXHAUSTIVE,
    ),
    Mutant(
        name="the last event wins",
        file="app/domain/delivery.py",
        edits=(("if settled and RANK.get(state, 0) >= RANK[news]:", "if settled and state is news:"),),
        killed_by=_EXHAUSTIVE,
    ),
    Mutant(
        name="cancels what may have left",
        file="app/domain/delivery.py",
        edits=(
            (
                "State.HELD if not facts.attempt_open:\n            return Decision(State.CANCELED)",
                "State.HELD:\n            return Decision(State.CANCELED)",
            ),
        ),
        killed_by=_EXHAUSTIVE,
    ),
    Mutant(
        name="silence is taken for a no",
        file="app/services/record.py",
        edits=(("advance(row, Event.OUTCOME_UNKNOWN, facts", "advance(row, Event.NOT_SENT, facts"),),
        killed_by=_EXHAUSTIVE,
    ),
    Mutant(
        name="a possible duplicate is not flagged",
        file="app/domain/delivery.py",
        edits=(
            (
                "_RESENT = frozenset({Effect.MARK_POSSIBLE_DUPLICATE, Effect.RING})",
                "_RESENT = frozenset({Effect.RING})",
            ),
        ),
        killed_by=f"{_RECONCILE}::test_a_mail_proven_absent_is_sent_again_once_and_flagged[sqlite]",
    ),
    Mutant(
        name="no quiet time",
        file="app/domain/proof.py",
        edits=(("if quiet_for < quiet_needed:", "if quiet_for < quiet_needed / 10:"),),
        killed_by="tests/unit/test_exhaustive.py::test_no_order_of_events_breaks_a_promise[one mail, resent]",
    ),
    Mutant(
        name="no canary, no peers, and still a proof",
        file="app/domain/proof.py",
        edits=(("enough = self.accepted >= ENOUGH_PEERS or self.canary_seen", "enough = self.accepted >= 0"),),
        killed_by=f"{_RECONCILE}::test_with_little_traffic_one_canary_proves_it[sqlite]",
    ),
    Mutant(
        name="peers need no events",
        file="app/domain/proof.py",
        edits=(("return enough and self.seen >= _CAUGHT_UP * self.accepted", "return enough"),),
        killed_by=f"{_RECONCILE}::test_silence_proves_nothing_while_peers_lack_their_events[sqlite-0]",
    ),
    Mutant(
        name="an old canary is believed",
        file="app/store/unconfirmed.py",
        edits=(("attempts.c.started_at > around + AROUND", "attempts.c.started_at > around"),),
        killed_by=f"{_RECONCILE}::test_a_canary_that_was_sent_before_the_mail_proves_nothing_about_it[sqlite]",
    ),
    Mutant(
        name="a mail that is sent again stays in doubt",
        file="app/services/reconcile.py",
        edits=(
            (
                "_close_unknown(connection, proven, evidence",
                "_close_unknown(connection, [], evidence",
            ),
        ),
        killed_by=f"{_RECONCILE}::test_a_mail_that_expires_before_its_second_call_ends_as_expired",
    ),
    Mutant(
        name="whoever reports is believed, whatever its lease",
        file="app/services/record.py",
        edits=(("Facts(lease_held=row.lease_token == report.token", "Facts(lease_held=True"),),
        killed_by=f"{_RECORD}::test_a_report_under_another_claim_moves_nothing",
    ),
    Mutant(
        name="acceptance counts only under the lease",
        file="app/services/record.py",
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
        file="app/services/record.py",
        edits=(
            (
                "return advance(row, Event.NOT_SENT_BLAMELESS, facts, now=now, reason=reason, due_at=due)",
                "return advance(row, Event.NOT_SENT, facts, now=now, reason=reason, due_at=due)",
            ),
        ),
        killed_by=f"{_RECORD}::test_what_is_not_the_mails_fault_burns_no_attempt",
    ),
    Mutant(
        name="a late report overrules what is settled",
        file="app/store/attempts.py",
        edits=(
            (
                "_CLOSE_AS_UNKNOWN = _close_where(attempts.c.outcome == AttemptOutcome.CALLING)",
                "_CLOSE_AS_UNKNOWN = _close_where(attempts.c.outcome != AttemptOutcome.ACCEPTED)",
            ),
        ),
        killed_by=f"{_RECONCILE}::test_a_late_report_of_silence_puts_nothing_in_doubt_again[sqlite]",
    ),
    Mutant(
        name="a 5xx means not sent",
        file="app/aws/ses.py",
        edits=(('return Ambiguous(f"SES answered {status}', 'return Retry(f"SES answered {status}'),),
        killed_by="tests/unit/test_ses.py::test_every_answer_of_ses_proves_one_thing",
    ),
    Mutant(
        name="the SDK tries again",
        file="app/aws/clients.py",
        edits=(('"total_max_attempts": 1', '"total_max_attempts": 3'),),
        killed_by="tests/integration/test_ses_wire.py::test_one_call_is_one_wire_request",
    ),
    Mutant(
        name="any topic is ours",
        file="app/aws/sns.py",
        edits=(("topic = self._topics.get(envelope.topic_arn)", "topic = parse_topic_arn(envelope.topic_arn)"),),
        killed_by="tests/unit/test_sns_corpus.py",
    ),
    Mutant(
        name="Redis decides when it is away",
        file="app/services/gate.py",
        edits=(
            ("return self._listed(names) if names else {}", "return self._listed(names) if names and hits else {}"),
        ),
        killed_by=f"{_GATE}::test_without_redis_the_same_are_reached[sqlite]",
    ),
    Mutant(
        name="a flushed Redis is believed",
        file="app/store/positives.py",
        edits=(("if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end\n", ""),),
        killed_by="tests/integration/test_positives.py",
    ),
    Mutant(
        name="a lost bell is never rung again",
        file="app/services/upkeep.py",
        edits=(("return sum(self._bells.ring(bell) for bell in bells)", "return len(bells)"),),
        killed_by="tests/integration/test_upkeep.py::test_bells_are_rung_for_what_is_due_and_for_nothing_else[sqlite]",
    ),
    *OF_ENTRIES,
    *OF_ACCEPTING,
    *OF_NEWS,
    *OF_PEOPLE,
    *OF_THE_CALL,
    *OF_THE_LIST,
)
