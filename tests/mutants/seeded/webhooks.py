"""Mutants of the posts to endpoints: signatures that prove nothing, and ways into the network around Postern."""

from typing import Final

from tests.mutants.mutant import Mutant

_SIGNATURE: Final = "tests/unit/webhooks/test_signature.py"
_ADDRESSES: Final = "tests/unit/webhooks/test_addresses.py"
_SSRF: Final = "tests/integration/webhooks/test_ssrf.py"
_CORPUS: Final = f"{_SSRF}::test_every_post_of_the_corpus_is_refused"
_KEPT: Final = "tests/integration/webhooks/test_kept_connections.py"
_POST: Final = "tests/integration/webhooks/test_post.py"
_NO_STATUS: Final = f"{_POST}::test_an_endpoint_that_gives_no_status_is_named_by_what_it_did"

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
        file="app/net/webhooks/post.py",
        edits=(("if not all(self._allowed.permit", "if not any(self._allowed.permit"),),
        killed_by=_CORPUS,
    ),
    Mutant(
        name="the host is looked up again for the connection",
        file="app/net/webhooks/post.py",
        edits=(("socket.create_connection((str(address), port)", 'socket.create_connection(("localhost", port)'),),
        killed_by=f"{_SSRF}::test_the_connection_goes_to_the_address_that_was_checked",
    ),
    Mutant(
        name="behind a proxy no address is checked",
        file="app/net/webhooks/post.py",
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
        file="app/net/webhooks/post.py",
        edits=(
            ("    context.set_alpn_protocols", "    context.check_hostname = False\n    context.set_alpn_protocols"),
        ),
        killed_by="tests/integration/webhooks/test_post_tls.py::test_a_wrong_certificate_gets_no_post",
    ),
    Mutant(
        name="each wait has its own time",
        file="app/net/webhooks/timed_socket.py",
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
        file="app/net/webhooks/timed_socket.py",
        edits=(("        self._left -= number\n", ""),),
        killed_by=_NO_STATUS,
    ),
    Mutant(
        name="a head that breaks off is an answer",
        file="app/net/webhooks/timed_socket.py",
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
