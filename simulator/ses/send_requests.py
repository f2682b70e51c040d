"""SendEmail and SendBulkEmail requests, parsed and checked as SES does.

These are the checks that SES makes before it looks at the account: recipients, tags, headers, content.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import getaddresses
from typing import Any

from simulator.ses.accepted_email import Headers, header, read_headers, readable
from simulator.ses.addresses import bare_address, fault_of
from simulator.ses.errors import SesError, bad_request, message_rejected, not_found

MAX_RECIPIENTS = 50
MAX_CUSTOM_HEADERS = 15
MAX_ENCODED_BYTES = 40 * 1024 * 1024
RESERVED_HEADERS = frozenset(
    {
        "bcc",
        "cc",
        "content-disposition",
        "content-type",
        "date",
        "from",
        "message-id",
        "mime-version",
        "reply-to",
        "return-path",
        "subject",
        "to",
    }
)

_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_HEADER_NAME = re.compile(r"[!-9;-@A-~]{1,126}")
_HEADER_VALUE = re.compile(r"[ -~]{1,995}")
_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_.-]+)\s*\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The content of a message, from any of SES's three forms."""

    subject: str
    headers: Headers
    raw: bytes = b""
    text: str | None = None
    html: str | None = None
    rendering_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One email that passed the checks; `recipients` are bare addresses."""

    sender: str
    recipients: tuple[str, ...]
    tags: dict[str, str]
    configuration_set: str | None
    content: Content


def read_single(request: Mapping[str, Any]) -> Draft:
    """Return the email of a SendEmail request. Raises SesError."""
    destination = request.get("Destination") or {}
    content = _read_content(request.get("Content") or {}, request, destination)
    raw = bool(content.raw)
    sender = request.get("FromEmailAddress") or (header(content.headers, "From") if raw else None)
    recipients = destination_addresses(destination) or (_visible_recipients(content.headers) if raw else [])
    tags = request.get("EmailTags")
    if not tags and raw:
        tags = _header_tags(content.headers)
    return Draft(
        sender=_checked_sender(sender),
        recipients=checked_recipients(recipients),
        tags=checked_tags(tags or ()),
        configuration_set=request.get("ConfigurationSetName")
        or (header(content.headers, "X-SES-CONFIGURATION-SET") if raw else None),
        content=content,
    )


def read_bulk_entry(request: Mapping[str, Any], entry: Mapping[str, Any]) -> Draft:
    """Return the email of one entry of a SendBulkEmail request. Raises SesError."""
    template = (request.get("DefaultContent") or {}).get("Template") or {}
    replacement = (entry.get("ReplacementEmailContent") or {}).get("ReplacementTemplate") or {}
    destination = entry.get("Destination") or {}
    return Draft(
        sender=_checked_sender(request.get("FromEmailAddress")),
        recipients=checked_recipients(destination_addresses(destination)),
        tags=checked_tags(entry.get("ReplacementTags") or request.get("DefaultEmailTags") or ()),
        configuration_set=request.get("ConfigurationSetName"),
        content=_read_template(
            template,
            data=_template_data(template.get("TemplateData"))
            | _template_data(replacement.get("ReplacementTemplateData")),
            headers=_envelope_headers(request, destination) + _custom_headers(entry.get("ReplacementHeaders") or ()),
        ),
    )


def destination_addresses(destination: Mapping[str, Any]) -> list[str]:
    """Return To, Cc and Bcc of a Destination in this order, as given."""
    return [
        address for kind in ("ToAddresses", "CcAddresses", "BccAddresses") for address in destination.get(kind) or ()
    ]


def checked_recipients(given: list[str]) -> tuple[str, ...]:
    """Return the bare addresses. Raises SesError when there are none or too many, or when one is malformed."""
    if not given:
        raise bad_request("Recipients cannot be empty.")
    if len(given) > MAX_RECIPIENTS:
        raise bad_request(f"Recipient count exceeds {MAX_RECIPIENTS}.")
    for address in given:
        fault = fault_of(address)
        if fault is not None:
            raise bad_request(f"{fault}.")
    return tuple(bare_address(address) for address in given)


def checked_tags(given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the tags by name. Raises SesError."""
    tags = {}
    for tag in given:
        name, value = tag.get("Name", ""), tag.get("Value", "")
        if not _TAG.fullmatch(name):
            raise bad_request(
                f"Invalid tag name <{name}>: only alphanumeric ASCII characters, '_' and '-' are allowed."
            )
        if not _TAG.fullmatch(value):
            raise bad_request(
                f"Invalid tag value <{value}>: only alphanumeric ASCII characters, '_' and '-' are allowed."
            )
        tags[name] = value
    return tags


def _checked_sender(sender: str | None) -> str:
    if not sender:
        raise bad_request("Missing required header 'From'.")
    fault = fault_of(sender)
    if fault is not None:
        raise bad_request(f"{fault}.")
    return sender


def _read_content(content: Mapping[str, Any], request: Mapping[str, Any], destination: Mapping[str, Any]) -> Content:
    forms = [form for form in ("Raw", "Simple", "Template") if content.get(form)]
    if len(forms) != 1:
        raise bad_request("Content must have exactly one of Raw, Simple and Template.")
    if forms == ["Raw"]:
        return _read_raw(content["Raw"])
    form = content[forms[0]]
    headers = _envelope_headers(request, destination) + _custom_headers(form.get("Headers") or ())
    if forms == ["Simple"]:
        return _read_simple(form, headers)
    return _read_template(form, data=_template_data(form.get("TemplateData")), headers=headers)


def _read_raw(raw: Mapping[str, Any]) -> Content:
    encoded = raw.get("Data") or ""
    if len(encoded) > MAX_ENCODED_BYTES:
        raise message_rejected(f"Message length is more than {MAX_ENCODED_BYTES} bytes long.")
    try:
        message = base64.b64decode(encoded)
    except (binascii.Error, ValueError):
        raise SesError(400, "SerializationException", "Data is not base64.") from None
    headers = read_headers(message)
    if not headers:
        raise bad_request("Missing final headers.")
    return Content(subject=readable(header(headers, "Subject") or ""), headers=headers, raw=message)


def _read_simple(simple: Mapping[str, Any], headers: Headers) -> Content:
    subject = (simple.get("Subject") or {}).get("Data")
    body = simple.get("Body") or {}
    if subject is None or not body:
        raise bad_request("Simple content needs a subject and a body.")
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", subject):
        raise bad_request("Subject contains control characters.")
    return Content(
        subject=subject,
        headers=(*headers, ("Subject", subject), ("MIME-Version", "1.0")),
        text=(body.get("Text") or {}).get("Data"),
        html=(body.get("Html") or {}).get("Data"),
    )


def _read_template(template: Mapping[str, Any], *, data: Mapping[str, Any], headers: Headers) -> Content:
    parts = template.get("TemplateContent")
    if not parts:
        raise not_found(f"Template {template.get('TemplateName', '')} does not exist.")
    missing = sorted({name for part in parts.values() for name in _PLACEHOLDER.findall(part) if name not in data})
    rendered = {name: _PLACEHOLDER.sub(lambda match: str(data.get(match[1], "")), part) for name, part in parts.items()}
    subject = rendered.get("Subject", "")
    return Content(
        subject=subject,
        headers=(*headers, ("Subject", subject), ("MIME-Version", "1.0")),
        text=rendered.get("Text"),
        html=rendered.get("Html"),
        rendering_error=f"Attribute '{missing[0]}' is not present in the rendering data." if missing else None,
    )


def _template_data(given: str | None) -> dict[str, Any]:
    try:
        data = json.loads(given or "{}")
    except ValueError:
        raise bad_request("Template data is not valid JSON.") from None
    return data if isinstance(data, dict) else {}


def _envelope_headers(request: Mapping[str, Any], destination: Mapping[str, Any]) -> Headers:
    fields = {
        "From": [request["FromEmailAddress"]] if request.get("FromEmailAddress") else [],
        "To": destination.get("ToAddresses") or [],
        "Cc": destination.get("CcAddresses") or [],
        "Reply-To": request.get("ReplyToAddresses") or [],
    }
    return tuple((name, ", ".join(addresses)) for name, addresses in fields.items() if addresses)


def _custom_headers(given: Iterable[Mapping[str, str]]) -> Headers:
    headers = tuple((field.get("Name", ""), field.get("Value", "")) for field in given)
    if len(headers) > MAX_CUSTOM_HEADERS:
        raise bad_request(f"Header count exceeds {MAX_CUSTOM_HEADERS}.")
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name) or name.lower() in RESERVED_HEADERS:
            raise bad_request(f"Invalid header name <{name}>.")
        if not _HEADER_VALUE.fullmatch(value) or len(name) + len(value) > 996:
            raise bad_request(f"Invalid value of header <{name}>.")
    return headers


def _header_tags(headers: Headers) -> list[dict[str, str]]:
    pairs = (pair.partition("=") for pair in (header(headers, "X-SES-MESSAGE-TAGS") or "").split(","))
    return [{"Name": name.strip(), "Value": value.strip()} for name, equals, value in pairs if equals]


def _visible_recipients(headers: Headers) -> list[str]:
    fields = [value for name, value in headers if name.lower() in ("to", "cc", "bcc")]
    return [address for _, address in getaddresses(fields) if address]
