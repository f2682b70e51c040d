"""A request of each operation of the SES door: the scope that it needs beside that of the door, and what is sent."""

from base64 import b64encode
from typing import Any

from app.domain.apps.callers import Scope

ADDRESS = "/v2/email/suppression/addresses"
TEXT = {"Data": "Hello."}
SIMPLE = {"Simple": {"Subject": TEXT, "Body": {"Text": TEXT}}}
TEMPLATE = {"Template": {"TemplateContent": {"Subject": "Hello", "Text": "Hello."}}}
TO = {"ToAddresses": ["ann@example.net"]}
FROM = {"FromEmailAddress": "invites@example.com"}
MIME = b"From: invites@example.com\r\nTo: ann@example.net\r\n\r\nHello."
OPERATIONS: dict[str, tuple[Scope | None, str, str, Any]] = {
    "SendEmail": (
        Scope.EMAILS_SEND, "POST", "/v2/email/outbound-emails", {**FROM, "Destination": TO, "Content": SIMPLE},
    ),
    "SendBulkEmail": (
        Scope.EMAILS_SEND, "POST", "/v2/email/outbound-bulk-emails",
        {**FROM, "DefaultContent": TEMPLATE, "BulkEmailEntries": [{"Destination": TO}]},
    ),
    "GetAccount": (None, "GET", "/v2/email/account", None),
    "ListEmailIdentities": (None, "POST", "/v2/email/list-identities", {}),
    "GetEmailIdentity": (None, "GET", "/v2/email/identities/example.com", None),
    "ListConfigurationSets": (None, "POST", "/v2/email/list-configuration-sets", {}),
    "PutSuppressedDestination": (
        Scope.SUPPRESSIONS_WRITE, "PUT", ADDRESS, {"EmailAddress": "kim@example.net", "Reason": "BOUNCE"},
    ),
    "GetSuppressedDestination": (Scope.SUPPRESSIONS_READ, "GET", f"{ADDRESS}/kim@example.net", None),
    "ListSuppressedDestinations": (Scope.SUPPRESSIONS_READ, "GET", ADDRESS, None),
    "DeleteSuppressedDestination": (Scope.SUPPRESSIONS_WRITE, "DELETE", f"{ADDRESS}/lee@example.net", None),
    "any other operation": (None, "GET", "/v2/email/nothing", None),
}  # fmt: skip
FORMS: dict[str, tuple[Scope | None, dict[str, str]]] = {
    "SendEmail": (
        Scope.EMAILS_SEND,
        {
            "Source": "invites@example.com", "Destination.ToAddresses.member.1": "ann@example.net",
            "Message.Subject.Data": "Hello", "Message.Body.Text.Data": "Hello.",
        },
    ),
    "SendRawEmail": (Scope.EMAILS_SEND, {"RawMessage.Data": b64encode(MIME).decode()}),
    "GetSendQuota": (None, {}),
    "VerifyEmailIdentity": (None, {"EmailAddress": "invites@example.com"}),
}  # fmt: skip
