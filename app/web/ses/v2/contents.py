"""The content of an email as version 2 has it: texts that are given, or a template with values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.domain.message.attachments import Attachment
from app.domain.message.headers import plain_headers
from app.web.ses.email_parts import Pairs, Parts, data_of
from app.web.ses.v2.email_requests import File, Header, Simple, TemplateContent, TemplateUse


def parts_of_simple(simple: Simple) -> Parts:
    """The content that is given as it is."""
    return Parts(
        subject=simple.subject.data,
        text=data_of(simple.body.text),
        html=data_of(simple.body.html),
        headers=headers_of(simple.headers),
        attachments=_files(simple.attachments),
    )


def parts_of_template(use: TemplateUse, values: Mapping[str, Any]) -> Parts:
    """The content of a template with these values, of which none is missing."""
    content = use.template_content
    return Parts(
        subject=content.subject.fill(values),
        text=content.text.fill(values) if content.text else None,
        html=content.html.fill(values) if content.html else None,
        headers=headers_of(use.headers),
        attachments=_files(use.attachments),
    )


def is_filled_by(content: TemplateContent, values: Mapping[str, Any]) -> bool:
    """Whether each place of the template has a value."""
    return not any(text.missing(values) for text in content.texts)


def size_of(content: TemplateContent, values: Mapping[str, Any]) -> int:
    """How many characters the texts of the template have with these values."""
    return sum(text.size(values) for text in content.texts)


def headers_of(headers: Iterable[Header]) -> Pairs:
    """The headers as the domain takes them."""
    return tuple(pair for one in headers for pair in plain_headers({one.name: one.value}))


def _files(files: Sequence[File]) -> tuple[Attachment, ...]:
    return tuple(one.attachment(number) for number, one in enumerate(files, 1))
