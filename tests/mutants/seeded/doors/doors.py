"""Mutants of the doors: raw messages, SMTP, and the requests of SES's SDKs."""

from typing import Final

from tests.mutants.mutant import Mutant

_SMTP: Final = "tests/integration/smtp"
_RAW = "tests/unit/message/raw"

OF_RAW_MESSAGES: Final = (
    Mutant(
        name="a hidden recipient leaves with a raw message",
        file="app/domain/message/raw/kinds.py",
        edits=(("return kind in _RECIPIENTS_HIDDEN or kind in _TRACES", "return kind in _TRACES"),),
        killed_by=f"{_RAW}/test_reader.py::test_what_is_taken_out[Bcc: hidden@example.net]",
    ),
    Mutant(
        name="a raw message with mixed line ends is mended",
        file="app/domain/message/raw/fields.py",
        edits=(("        raise broken(RawRule.LINE_ENDS)\n", '        raw = b"\\r\\n".join(raw.splitlines())\n'),),
        killed_by=f"{_RAW}/test_reader.py::test_what_is_refused",
    ),
    Mutant(
        name="a raw message may have any Sender",
        file="app/domain/message/raw/reader.py",
        edits=(
            ('_SENDERS: Final = ("from", "sender", "resent-from", "resent-sender")', '_SENDERS: Final = ("from",)'),
        ),
        killed_by=f"{_RAW}/test_reader.py::test_every_address_that_it_claims_to_be_from_is_named",
    ),
    Mutant(
        name="a signature over a field that was taken out stays",
        file="app/domain/message/raw/reader.py",
        edits=((" and not is_false(field, taken_out)]", "]"),),
        killed_by=f"{_RAW}/test_reader.py::test_a_signature_over_what_was_taken_out_goes_too[from:received-False]",
    ),
    Mutant(
        name="the last look at a raw message does not see what must not leave",
        file="app/domain/message/raw/scan.py",
        edits=(("if any(map(is_taken_out, kinds[ours:])) or kinds", "if kinds"),),
        killed_by=f"{_RAW}/test_outgoing.py::test_nothing_else_ever_leaves",
    ),
    Mutant(
        name="the copies of others name a person who was forgotten",
        file="app/services/sending/render.py",
        edits=(("                addressees=_remaining(self._draft.named),\n", ""),),
        killed_by="tests/integration/submission/test_submit_raw.py::test_a_forgotten_person_is_named_in_no_copy",
    ),
)

OF_SMTP: Final = (
    Mutant(
        name="the SMTP door answers a message before it is kept",
        file="app/smtp/protocol/session.py",
        edits=(
            (
                "        return self._do(Submit(self._signed_in[0], tuple(self._recipients)))\n",
                "        return Step(replies.OK)\n",
            ),
        ),
        killed_by=f"{_SMTP}/test_sessions.py::test_a_message_is_not_accepted_before_it_is_kept",
    ),
    Mutant(
        name="the SMTP door takes keys in the clear",
        file="app/smtp/protocol/session.py",
        edits=(("        return self._encrypted or self._rules.clear_auth\n", "        return True\n"),),
        killed_by=f"{_SMTP}/test_tls.py::test_no_key_is_taken_before_tls",
    ),
    Mutant(
        name="the SMTP door hears in TLS what was sent before it",
        file="app/smtp/connection.py",
        edits=(("if step.turn in {Turn.TLS, Turn.NO_MESSAGE} and", "if step.turn is Turn.NO_MESSAGE and"),),
        killed_by=f"{_SMTP}/test_tls.py::test_what_was_sent_before_tls_is_not_heard_in_it",
    ),
    Mutant(
        name="a message by SMTP may have a bare LF",
        file="app/smtp/protocol/framing.py",
        edits=((' or stuffed.count(b"\\n") != lines', ""),),
        killed_by="tests/unit/smtp/test_framing.py::test_nothing_else_ends_a_message",
    ),
    Mutant(
        name="RCPT accepts an address that is suppressed",
        file="app/services/submission/doors/vet_recipient.py",
        edits=(
            ("        found = self._gate.suppressed([Addressee(address.key, caller.app)])\n", "        found = {}\n"),
        ),
        killed_by=f"{_SMTP}/test_on_gateway.py::test_a_suppressed_recipient_is_refused_at_rcpt",
    ),
    Mutant(
        name="clients without a key keep all others out of the SMTP door",
        file="app/smtp/connection.py",
        edits=(("next(iter(self._door.strangers)).give_way()", "self._door.strangers.clear()"),),
        killed_by=f"{_SMTP}/test_bounds.py::test_clients_without_a_key_do_not_keep_others_out",
    ),
    Mutant(
        name="an encoded-word hides an address from other readers",
        file="app/domain/message/raw/addresses.py",
        edits=(("        if _SPECIAL.search(run[0]):\n", "        if not run[0]:\n"),),
        killed_by="tests/unit/message/raw/test_addresses.py"
        "::test_what_readers_could_take_for_other_addresses_is_refused",
    ),
    Mutant(
        name="a message that is repeated by SMTP is sent again",
        file="app/smtp/handler.py",
        edits=((" if self._knows_repeats else None", " if not self._knows_repeats else None"),),
        killed_by=f"{_SMTP}/test_on_gateway.py::test_a_repeated_message_is_one_email",
    ),
    Mutant(
        name="a message that is repeated to one recipient less is sent to the others again",
        file="app/services/submission/doors/submit_once.py",
        edits=(("Idempotency(_key(content, number), content)", "Idempotency(_key(content, len(envelope)), content)"),),
        killed_by=f"{_SMTP}/test_on_gateway.py::test_a_repetition_reaches_those_alone_whom_the_first_time_did_not",
    ),
    Mutant(
        name="a line of SMTP of the allowed length is refused when its CR comes without its LF",
        file="app/smtp/protocol/framing.py",
        edits=((' + len(b"\\r"):', ":"),),
        killed_by="tests/unit/smtp/test_framing.py::test_a_line_ends_with_cr_lf",
    ),
    Mutant(
        name="a message that comes again by another relay is sent again",
        file="app/smtp/repetition.py",
        edits=(('{b"received", ', "{"),),
        killed_by="tests/chaos/test_smtp_door.py::"
        "test_a_client_that_hangs_up_after_its_message_is_known_when_it_comes_again",
    ),
    Mutant(
        name="a word of SMTP may have other letters than ASCII",
        file="app/smtp/protocol/commands.py",
        edits=(("    return word.upper() if word.isascii() else word\n", "    return word.upper()\n"),),
        killed_by=f"{_SMTP}/test_corpus.py::test_every_client_of_the_corpus_gets_its_verdict"
        "[lines: MAIL with a dotless i]",
    ),
    Mutant(
        name="a message of SMTP ends at a dot that begins a line",
        file="app/smtp/protocol/framing.py",
        edits=(('_END: Final = b"\\r\\n.\\r\\n"\n', '_END: Final = b"\\r\\n."\n'),),
        killed_by=f"{_SMTP}/test_corpus.py::test_every_client_of_the_corpus_gets_its_verdict"
        "[messages: a word behind the dot is text of the one message]",
    ),
)

_DOOR: Final = "tests/integration/ses"

OF_THE_SES_DOOR: Final = (
    Mutant(
        name="a call that an SDK repeats is another email",
        file="app/web/ses/submit.py",
        edits=(("    if not _INVOCATION.fullmatch(invocation):\n", "    if _INVOCATION.fullmatch(invocation):\n"),),
        killed_by=f"{_DOOR}/test_send_email.py::test_a_call_that_is_repeated_is_one_email",
    ),
    Mutant(
        name="the SES door unsuppresses who has unsubscribed from a stream",
        file="app/web/ses/v2/suppressions.py",
        edits=(
            (
                "unsuppress(caller, address, scope=scope, reason=_DELETED)",
                "unsuppress(caller, address, reason=_DELETED)",
            ),
        ),
        killed_by=f"{_DOOR}/test_suppressed_destinations.py::test_only_what_stops_every_email_is_shown",
    ),
    Mutant(
        name="an SDK tries again what can never succeed",
        file="app/web/ses/failures.py",
        edits=(('    errors.NotFound: ("InvalidParameterValue", 400),\n', ""),),
        killed_by="tests/unit/ses/test_failures.py::test_what_can_be_tried_again_is_tried_again[version 1]",
    ),
    Mutant(
        name="a large body is read for whoever sends it",
        file="app/web/ses/admission.py",
        edits=(("    if _is_large():\n", "    if not _is_large():\n"),),
        killed_by=f"{_DOOR}/test_guards.py::test_a_large_body_of_nobody_is_not_read[ptn_aaaaaaaaaaaa]",
    ),
    Mutant(
        name="a stranger that knows the id of a key may hold every thread of the web",
        file="app/web/ses/admission.py",
        edits=(("_LARGE_AT_ONCE: Final = 8\n", "_LARGE_AT_ONCE: Final = 48\n"),),
        killed_by=f"{_DOOR}/test_guards.py::test_few_large_bodies_are_held_before_it_is_known_whose_they_are",
    ),
)
