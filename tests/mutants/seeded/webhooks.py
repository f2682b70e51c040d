"""Mutants of webhooks: signatures that prove nothing, ways into the network around Postern, and lost events."""

from typing import Final

from tests.mutants.mutant import Mutant

_SIGNATURE: Final = "tests/unit/webhooks/test_signature.py"
_ADDRESSES: Final = "tests/unit/webhooks/test_addresses.py"
_SSRF: Final = "tests/integration/webhooks/test_ssrf.py"
_CORPUS: Final = f"{_SSRF}::test_every_post_of_the_corpus_is_refused"
_KEPT: Final = "tests/integration/webhooks/test_kept_connections.py"
_POST: Final = "tests/integration/webhooks/test_post.py"
_NO_STATUS: Final = f"{_POST}::test_an_endpoint_that_gives_no_status_is_named_by_what_it_did"
_OUTBOX: Final = "tests/integration/webhooks/test_outbox.py"
_DELIVER: Final = "tests/integration/webhooks/test_deliver.py"
_LEASES: Final = "tests/integration/webhooks/test_leases.py"
_DISABLING: Final = "tests/integration/webhooks/test_disabling.py"
_API: Final = "tests/integration/webhooks/test_web_webhooks.py"
_FORGET: Final = "tests/integration/webhooks/test_forget.py"
_CONSOLE: Final = "tests/integration/console"

OF_POSTS: Final = (
    Mutant(
        name="only the newest secret signs",
        file="app/domain/webhooks/signature.py",
        edits=(("for one in secrets)", "for one in secrets[:1])"),),
        killed_by=f"{_SIGNATURE}::test_while_a_secret_is_replaced_either_verifies",
    ),
    Mutant(
        name="the time is not signed",
        file="app/domain/webhooks/signature.py",
        edits=(('signed = f"{message_id}.{timestamp}.".encode() + body', 'signed = f"{message_id}.".encode() + body'),),
        killed_by=f"{_SIGNATURE}::test_the_signature_is_that_of_the_specification",
    ),
    Mutant(
        name="a message without a secret goes unsigned",
        file="app/domain/webhooks/signature.py",
        edits=(("    if not secrets:\n", "    if secrets is None:\n"),),
        killed_by=f"{_SIGNATURE}::test_a_message_without_a_secret_is_not_signed",
    ),
    Mutant(
        name="one public address of a host is enough",
        file="app/net/webhooks/open_connection.py",
        edits=(("if not all(self._allowed.permit", "if not any(self._allowed.permit"),),
        killed_by=f"{_CORPUS}[https://hooks.example.com:{{port}}/in ['93.184.216.34', '127.0.0.1']]",
    ),
    Mutant(
        name="the host is looked up again for the connection",
        file="app/net/webhooks/open_connection.py",
        edits=(("socket.create_connection((str(address), port)", 'socket.create_connection(("localhost", port)'),),
        killed_by=f"{_SSRF}::test_the_connection_goes_to_the_address_that_was_checked",
    ),
    Mutant(
        name="behind a proxy no address is checked",
        file="app/net/webhooks/open_connection.py",
        edits=(("if not all(self._allowed.permit", "if not proxied and not all(self._allowed.permit"),),
        killed_by="tests/integration/webhooks/test_proxy.py::test_what_is_private_here_is_not_asked_of_the_proxy",
    ),
    Mutant(
        name="a wide network allows a metadata service",
        file="app/domain/webhooks/addresses.py",
        edits=(
            (
                "return ip_network(reached) in self.networks",
                "return any(reached in network for network in self.networks)",
            ),
        ),
        killed_by=f"{_ADDRESSES}::test_no_wide_network_allows_a_metadata_service",
    ),
    Mutant(
        name="what a translator of addresses wraps is not looked at",
        file="app/domain/webhooks/addresses.py",
        edits=(
            ("        return IPv4Address(int(address) & 0xFFFFFFFF)\n", "        return IPv4Address(0x01010101)\n"),
        ),
        killed_by=_CORPUS,
    ),
    Mutant(
        name="IPv6 beside the global unicast counts as public",
        file="app/domain/webhooks/addresses.py",
        edits=(("return address in _UNICAST_6 and not any(", "return not any("),),
        killed_by=_CORPUS,
    ),
    Mutant(
        name="plain http leads anywhere",
        file="app/domain/webhooks/endpoint_url.py",
        edits=(("not (allow_http_loopback and _is_loopback(host))", "not allow_http_loopback"),),
        killed_by=_CORPUS,
    ),
    Mutant(
        name="a hexadecimal address is a name",
        file="app/domain/webhooks/endpoint_url.py",
        edits=((r're.compile(r"[0-9]+|0x[0-9a-f]*")', r're.compile(r"[0-9]+")'),),
        killed_by=_CORPUS,
    ),
    Mutant(
        name="a redirect counts as success",
        file="app/net/webhooks/post.py",
        edits=(("if 200 <= status < 300:", "if 200 <= status < 400:"),),
        killed_by=f"{_POST}::test_a_redirect_is_not_followed",
    ),
    Mutant(
        name="any certificate is one of the host",
        file="app/net/webhooks/open_connection.py",
        edits=(
            ("    context.set_alpn_protocols", "    context.check_hostname = False\n    context.set_alpn_protocols"),
        ),
        killed_by="tests/integration/webhooks/test_post_tls.py::test_a_wrong_certificate_gets_no_post",
    ),
    Mutant(
        name="each wait has its own time",
        file="app/net/timed_socket.py",
        edits=(
            (
                "self._socket.settimeout(self._deadline.left())\n        number",
                "self._socket.settimeout(5)\n        number",
            ),
        ),
        killed_by=f"{_NO_STATUS}[drips headers]",
    ),
    Mutant(
        name="an answer has no bound",
        file="app/net/timed_socket.py",
        edits=(("        self._left -= number\n", ""),),
        killed_by=_NO_STATUS,
    ),
    Mutant(
        name="a head that breaks off is an answer",
        file="app/net/timed_socket.py",
        edits=(("        if not number:\n", "        if number < 0:\n"),),
        killed_by=f"{_NO_STATUS}[breaks off in its head]",
    ),
    Mutant(
        name="the real answer is read as that of the next post",
        file="app/net/webhooks/post.py",
        edits=(("not response.will_close and response.status >= 200", "not response.will_close"),),
        killed_by=f"{_KEPT}::test_what_follows_an_interim_answer_is_not_that_of_the_next_post",
    ),
    Mutant(
        name="what comes at rest is read as an answer",
        file="app/net/webhooks/kept_connections.py",
        edits=(("        return not looking.poll(0)\n", "        return True\n"),),
        killed_by=f"{_KEPT}::test_what_comes_late_is_no_answer",
    ),
    Mutant(
        name="a connection is shared between names",
        file="app/net/webhooks/kept_connections.py",
        edits=(("elif connection.origin == origin:", "else:"),),
        killed_by=f"{_KEPT}::test_no_connection_is_shared_between_names",
    ),
)

OF_DELIVERIES: Final = (
    Mutant(
        name="a move writes nothing to the outbox",
        file="app/services/moves.py",
        edits=(("    tell(connection, [*of_moves", "    ([*of_moves"),),
        killed_by=f"{_OUTBOX}::test_each_event_of_an_email_is_told_once[sqlite]",
    ),
    Mutant(
        name="an email that ended before its answer was never sent",
        file="app/domain/webhooks/events.py",
        edits=(
            (
                "    if after.taken and not (before and before.taken):\n",
                "    if after.state is State.SENT and not (before and before.taken):\n",
            ),
        ),
        killed_by=f"{_OUTBOX}::test_an_email_that_bounces_before_its_answer_is_recorded_was_sent_first[sqlite]",
    ),
    Mutant(
        name="an endpoint gets the events of another application",
        file="app/store/webhooks/outbox.py",
        edits=(("return one.app_id == occurrence.app_id and occurrence", "return occurrence"),),
        killed_by=f"{_OUTBOX}::test_changes_of_the_list_are_told_to_those_who_may_see_them[sqlite]",
    ),
    Mutant(
        name="the number of an event does not grow",
        file="app/store/webhooks/outbox.py",
        edits=(("last[one.recipient_id] = 1 + last.get(", "last[one.recipient_id] = 0 + last.get("),),
        killed_by=f"{_OUTBOX}::test_each_event_of_an_email_is_told_once[sqlite]",
    ),
    Mutant(
        name="an event shows the email of another application",
        file="app/services/webhooks/render.py",
        edits=(("in disclosed(connection, _caller(endpoint), rows)}", "in rows}"),),
        killed_by=f"{_OUTBOX}::test_an_entry_from_the_email_of_another_application_hides_it[sqlite]",
    ),
    Mutant(
        name="an endpoint that is held is claimed again",
        file="app/store/webhooks/endpoints.py",
        edits=(
            ("webhook_endpoints.c.due_at <= now(), _FREE, _HAS_DUE)", "webhook_endpoints.c.due_at <= now(), _HAS_DUE)"),
        ),
        killed_by=f"{_LEASES}::test_an_endpoint_is_called_by_one_process_at_a_time[sqlite]",
    ),
    Mutant(
        name="a lease never ends",
        file="app/store/webhooks/endpoints.py",
        edits=(
            (
                "or_(webhook_endpoints.c.lease_until.is_(None), webhook_endpoints.c.lease_until <= now())",
                "or_(webhook_endpoints.c.lease_until.is_(None))",
            ),
        ),
        killed_by=f"{_LEASES}::test_a_worker_that_dies_before_it_records_leaves_the_event_to_another[sqlite]",
    ),
    Mutant(
        name="a failure counts although the lease was lost",
        file="app/store/webhooks/endpoints.py",
        edits=(
            (
                "(webhook_endpoints.c.id == endpoint_id, webhook_endpoints.c.lease_token == token)",
                "(webhook_endpoints.c.id == endpoint_id,)",
            ),
        ),
        killed_by=f"{_LEASES}::test_a_failure_counts_only_while_the_claim_holds_the_endpoint[sqlite]",
    ),
    Mutant(
        name="a success counts only while the lease is held",
        file="app/services/webhooks/record.py",
        edits=(
            (
                "[one.due for one in calls if one.is_taken])",
                "[one.due for one in calls if one.is_taken and held is not None])",
            ),
        ),
        killed_by=f"{_LEASES}::test_that_an_endpoint_took_an_event_counts_whoever_reports_it[sqlite]",
    ),
    Mutant(
        name="an event is recorded before it is posted",
        file="app/services/webhooks/record.py",
        edits=(("return self.result.outcome is PostOutcome.ACCEPTED", "return True"),),
        killed_by=f"{_DELIVER}::test_an_event_that_is_not_taken_is_tried_for_three_days_and_stays_visible[sqlite]",
    ),
    Mutant(
        name="a failing endpoint gets all that waits",
        file="app/services/webhooks/turn.py",
        edits=(
            ("limit=1 if self._endpoint.failures and not made else _BATCH", "limit=_BATCH"),
            ("            self._is_ended = True\n            return replace(", "            return replace("),
        ),
        killed_by=f"{_DELIVER}::test_an_endpoint_in_trouble_gets_one_call_and_then_all_that_waits",
    ),
    Mutant(
        name="an endpoint that fails now and then is left alone",
        file="app/services/webhooks/turn.py",
        edits=(("_FAILED_IN_A_ROW: Final = 3", "_FAILED_IN_A_ROW: Final = 1"),),
        killed_by=f"{_DELIVER}::test_an_endpoint_that_fails_now_and_then_is_not_left_alone[sqlite]",
    ),
    Mutant(
        name="calls on the wire count as further failures",
        file="app/services/webhooks/turn.py",
        edits=(("if self._is_ended or (self._failed_in_a_row", "if (self._failed_in_a_row"),),
        killed_by=f"{_DELIVER}::test_calls_on_the_wire_when_a_turn_ends_are_no_further_failures[sqlite]",
    ),
    Mutant(
        name="a slow failure is one of three",
        file="app/services/webhooks/turn.py",
        edits=(("_SLOWLY_S: Final = _TURN_S / 2", "_SLOWLY_S: Final = _TURN_S * 2"),),
        killed_by=f"{_DELIVER}::test_an_endpoint_in_trouble_gets_one_call_and_then_all_that_waits",
    ),
    Mutant(
        name="an email may take as long as its server likes",
        file="app/net/smtp/timed_smtp.py",
        edits=(("self.file = TimedSocket(self.sock, self._deadline)", "self.file = self.sock"),),
        killed_by="tests/integration/webhooks/test_send_by_smtp.py"
        "::test_a_server_that_hangs_has_no_more_than_the_time_of_one_email",
    ),
    Mutant(
        name="an answer to the goodbye refuses the email",
        file="app/net/smtp/send.py",
        edits=(("with suppress(OSError, AnswerTooLarge):", "with suppress():"),),
        killed_by="tests/integration/webhooks/test_send_by_smtp.py"
        "::test_what_a_server_answers_to_the_goodbye_changes_nothing",
    ),
    Mutant(
        name="a later event overtakes an earlier one of its recipient",
        file="app/store/webhooks/deliveries.py",
        edits=(("        ~_HELD_BACK,\n", ""),),
        killed_by=f"{_DELIVER}::test_the_events_of_a_recipient_keep_their_order[sqlite]",
    ),
    Mutant(
        name="an endpoint that fails is never disabled",
        file="app/services/webhooks/record.py",
        edits=((">= DISABLED_AFTER\n", ">= 100 * DISABLED_AFTER\n"),),
        killed_by=f"{_DISABLING}::test_an_endpoint_is_disabled_after_five_days_without_a_success[sqlite]",
    ),
    Mutant(
        name="a secret that was rotated out stops signing at once",
        file="app/store/webhooks/secrets.py",
        edits=(("values(ends_at=ahead(OVERLAP_S))", "values(ends_at=ahead(0))"),),
        killed_by=f"{_API}::test_a_secret_is_rotated_with_an_overlap[sqlite]",
    ),
    Mutant(
        name="the answer of an endpoint is kept with its addresses",
        file="app/services/webhooks/record.py",
        edits=(("response=without_addresses(result.response)", "response=(result.response)"),),
        killed_by=f"{_FORGET}::test_the_tables_of_webhooks_hold_no_address[sqlite]",
    ),
    Mutant(
        name="a replayed event comes under another id",
        file="app/services/webhooks/turn.py",
        edits=(("message_id=str(due.message_id)", "message_id=f'{due.message_id}-{due.attempts}'"),),
        killed_by=f"{_API}::test_deliveries_are_listed_by_state_and_replayed[sqlite]",
    ),
    Mutant(
        name="a replay of what failed sends again what was delivered",
        file="app/store/webhooks/deliveries.py",
        edits=(("query.where(webhook_deliveries.c.state == state.value)\n    if after", "query\n    if after"),),
        killed_by=f"{_CONSOLE}/test_failed_deliveries.py::test_only_what_failed_is_replayed_where_that_is_asked_for[sqlite]",
    ),
)
