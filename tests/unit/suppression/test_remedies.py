"""The way out of a suppression in words that can be pasted: who may do it, the command, and the call of the API."""

import shlex

import pytest

from app.domain.suppression.remedies import (
    AT_SES_GLOBALLY,
    BY_A_DELIVERY,
    Remedy,
    remedy_at_ses,
    remedy_for_entry,
    remedy_for_review,
)
from app.domain.suppression.rules import Origin

SCOPE = "shop/news"


@pytest.mark.parametrize("origin", [Origin.COMPLAINT, Origin.ERASURE, Origin.BOUNCE, Origin.MANUAL])
def test_an_entry_is_unsuppressed_with_a_reason_and_some_only_with_force(origin: Origin) -> None:
    """The command and the call say so alike."""
    remedy = remedy_for_entry("kim@example.net", scope="*", origin=origin)
    force = origin in {Origin.COMPLAINT, Origin.ERASURE}
    assert remedy.command is not None
    assert shlex.split(remedy.command) == [
        *("./postern", "unsuppress", "kim@example.net", "--reason", "..."),
        *(["--force"] if force else []),
    ]
    body = '{"reason": "...", "force": true}' if force else '{"reason": "..."}'
    assert remedy.call == f"DELETE /v1/suppressions/kim@example.net?scope=* {body}"
    assert remedy.by == "an operator, or any key with the scope suppressions:write"


def test_an_entry_of_a_stream_is_unsuppressed_in_that_stream() -> None:
    """By a key of its application."""
    remedy = remedy_for_entry("kim@example.net", scope=SCOPE, origin=Origin.MANUAL)
    assert remedy.command == f"./postern unsuppress kim@example.net --scope {SCOPE} --reason '...'"
    assert remedy.call == 'DELETE /v1/suppressions/kim@example.net?scope=shop%2Fnews {"reason": "..."}'
    assert remedy.by == "an operator, or a key of shop with the scope suppressions:write"


def test_a_whole_domain_takes_an_administrator() -> None:
    """In the API too."""
    remedy = remedy_for_entry("@example.net", scope="*", origin=Origin.MANUAL)
    assert remedy.by == "an operator, or a key with the scope admin"


def test_a_person_who_unsubscribed_subscribes_again_by_the_link() -> None:
    """An operator does it only where the person asks for it."""
    remedy = remedy_for_entry("kim@example.net", scope=SCOPE, origin=Origin.UNSUBSCRIBE)
    assert remedy.by.startswith("the person, on the page of the link; an operator, or a key of shop")


def test_an_odd_address_can_be_pasted() -> None:
    """A quote in it ends neither the command nor the path."""
    odd = "o'neil&co/?@example.net"
    remedy = remedy_for_entry(odd, scope="*", origin=Origin.BOUNCE)
    assert remedy.command is not None
    assert shlex.split(remedy.command)[2] == odd
    assert remedy.call is not None
    assert remedy.call.startswith("DELETE /v1/suppressions/o%27neil%26co%2F%3F@example.net?scope=* ")
    at_ses = remedy_at_ses(odd)
    assert at_ses.command is not None
    assert shlex.split(at_ses.command)[-1] == odd
    assert at_ses.call is None


def test_a_domain_under_review_is_decided_as_a_whole() -> None:
    """With one command or one call."""
    remedy = remedy_for_review("example.net")
    assert remedy.command == "./postern suppressions review undo example.net --reason '...'"
    assert remedy.call == 'POST /v1/suppressions/reviews/example.net {"decision": "undo", "reason": "..."}'


@pytest.mark.parametrize("remedy", [AT_SES_GLOBALLY, BY_A_DELIVERY])
def test_what_ends_by_itself_has_neither_command_nor_call(remedy: Remedy) -> None:
    """It says what ends it."""
    assert (remedy.command, remedy.call) == (None, None)
    assert "itself" in remedy.by
