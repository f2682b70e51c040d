"""What a request to a path that is not served, or with a method that the path does not answer, is to do instead."""

import pytest
from werkzeug.routing import Map, Rule

from app.web.http.faults.paths import advice_for_method, advice_for_path

SERVED = Map(
    [
        Rule("/v1/emails", methods=["GET", "POST"]),
        Rule("/v1/emails/<uuid:email_id>", methods=["GET"]),
        Rule("/v1/suppressions/<path:id_or_email>", methods=["GET"]),
        Rule("/readyz", methods=["GET"]),
    ],
    strict_slashes=False,
    merge_slashes=False,
).bind("gateway.example")


@pytest.mark.parametrize(
    "path, sentence",
    [
        ("/emails", "Use `/v1/emails`: the address of the API ends in /v1."),
        ("//v1/emails", "Write the path with single slashes: `/v1/emails`."),
        ("/v1//emails", "Write the path with single slashes: `/v1/emails`."),
        ("/v1//suppressions/ann@example.net", "Write the path with single slashes: `/v1/suppressions/{id_or_email}`."),
        ("/v1/emails/not-an-id", "An email's id is a UUID"),
        ("/v1/emails/7/events", "An email's id is a UUID"),
        ("/v1/emails/7/attachments", "Postern does not give attachments back."),
        ("/v1/emails/receiving", "Postern receives no email."),
        ("/v1/audiences", "Postern keeps no lists of contacts."),
        ("/audiences/7/contacts", "Postern keeps no lists of contacts."),
        ("/v1/domains/", "Domains are verified in SES."),
        ("/v1/templates/7/publish", "Templates are not supported."),
        ("/v1/ann@example.net", "/docs lists what is."),
        ("/", "/docs lists what is."),
        ("/v1", "/docs lists what is."),
        ("/v1/", "/docs lists what is."),
        ("////", "/docs lists what is."),
    ],
)
def test_a_path_that_is_not_served_gets_advice(path: str, sentence: str) -> None:
    """The advice names declared paths and never repeats that of the request, which may hold an address."""
    advice = advice_for_path(path, SERVED)
    assert advice.startswith(f"Nothing is served at this path. {sentence}")
    assert "ann@" not in advice


@pytest.mark.parametrize(
    "method, allowed, sentence",
    [
        ("PUT", {"GET", "HEAD", "POST"}, "This path answers GET and POST."),
        ("DELETE", {"GET", "HEAD"}, "This path answers GET."),
        ("DELETE", {"GET", "POST", "PATCH"}, "This path answers GET, PATCH and POST."),
        (
            "OPTIONS",
            {"POST"},
            "This path answers POST. No path is for scripts of other origins: call the API from your server.",
        ),
    ],
)
def test_a_method_that_is_not_answered_gets_those_that_are(method: str, allowed: set[str], sentence: str) -> None:
    """In the sentence too, since SDKs do not show the header Allow."""
    assert advice_for_method(method, allowed) == sentence
