"""Files that travel with a mail: what one may be called, what it may say it is, and what SES turns away.

It decides by name and label. It never opens a file, and never believes a label about its content.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.errors import Fault
from app.domain.rules import Rule, broken_text_rule

ATTACHMENT_COUNT_LIMIT = 495
"""SES takes 500 MIME parts; two texts and three multiparts around them are the most that Postern adds."""

FILENAME_LIMIT = 255
CONTENT_ID_LIMIT = 78
CONTENT_TYPE_LIMIT = 78

_SEPARATOR = re.compile(r"[/\\]")
_TYPE_NAME = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"
# `charset` and `method` (of text/calendar) are all that a file needs; `name` and `boundary` would contradict the rest.
_CONTENT_TYPE = re.compile(rf"{_TYPE_NAME}/{_TYPE_NAME}(?:; ?(?:charset|method)={_TYPE_NAME})*", re.IGNORECASE)
_COMPOSITE = ("multipart/", "message/")
_CONTENT_ID = re.compile(rf"[A-Za-z0-9._+@-]{{1,{CONTENT_ID_LIMIT}}}")

# https://docs.aws.amazon.com/ses/latest/dg/mime-types.html
_EXTENSIONS_REFUSED_BY_SES = """
    ade adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp gadget hlp hta inf ins isp its js jse ksh lib lnk
    mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt mdw mdz msc msh msh1 msh1xml msh2 msh2xml mshxml msi
    msp mst ops pcd pif plg prf prg ps1 ps1xml ps2 ps2xml psc1 psc2 reg scf scr sct shb shs sys tmp url vb vbe vbs vps
    vsmacros vss vst vsw vxd ws wsc wsf wsh xnk
"""
_REFUSED_EXTENSIONS = frozenset(_EXTENSIONS_REFUSED_BY_SES.split())

_UNLABELLED = "application/octet-stream"
_OFFICE = "application/vnd.openxmlformats-officedocument"
_LABELS = {
    "csv": "text/csv",
    "docx": f"{_OFFICE}.wordprocessingml.document",
    "gif": "image/gif",
    "htm": "text/html",
    "html": "text/html",
    "ics": "text/calendar",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "pdf": "application/pdf",
    "png": "image/png",
    "pptx": f"{_OFFICE}.presentationml.presentation",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "vcf": "text/vcard",
    "webp": "image/webp",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    "xml": "application/xml",
    "zip": "application/zip",
}


class AttachmentRule(Rule):
    """What an attachment has to be."""

    TOO_MANY = "too_many_attachments", f"A mail has at most {ATTACHMENT_COUNT_LIMIT} attachments."
    FILENAME_EMPTY = "filename_empty", "A file name has something besides dots and spaces."
    FILENAME_TOO_LONG = "filename_too_long", f"A file name has at most {FILENAME_LIMIT} characters."
    FILENAME_PATH = "filename_path", "A file name holds no / and no \\."
    FILENAME_REFUSED = "filename_refused", "Amazon SES does not accept files with this extension."
    CONTENT_TYPE = "content_type", "A content type is type/subtype, with charset and method as its only parameters."
    CONTENT_TYPE_COMPOSITE = "content_type_composite", "A file is not a multipart or a message: give another type."
    CONTENT_ID = "content_id", f"A content id is 1 to {CONTENT_ID_LIMIT} ASCII letters, digits and . _ + @ -"
    CONTENT_ID_DUPLICATE = "content_id_duplicate", "A content id is given to one attachment."


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One file. With a `content_id` the HTML may show it as `cid:<content_id>`."""

    filename: str
    content: bytes
    content_type: str | None
    content_id: str | None

    @property
    def label(self) -> str:
        """The `Content-Type` it travels under: its own, else one by the extension, the same on every machine."""
        return self.content_type or _LABELS.get(_extension(self.filename), _UNLABELLED)


def check_attachments(attachments: tuple[Attachment, ...]) -> tuple[Fault, ...]:
    """Every rule that the attachments break, each at `/attachments/<index>/<field>`."""
    faults = []
    if len(attachments) > ATTACHMENT_COUNT_LIMIT:
        faults.append(AttachmentRule.TOO_MANY.fault("/attachments"))
    content_ids: set[str] = set()
    for index, attachment in enumerate(attachments):
        for name, rule in _broken_rules(attachment, content_ids):
            faults.append(rule.fault(f"/attachments/{index}/{name}"))
        if attachment.content_id is not None:
            content_ids.add(attachment.content_id)
    return tuple(faults)


def _broken_rules(attachment: Attachment, content_ids: set[str]) -> Iterator[tuple[str, Rule]]:
    if broken := _broken_filename_rule(attachment.filename):
        yield "filename", broken
    if attachment.content_type is not None and (broken := _broken_content_type_rule(attachment.content_type)):
        yield "content_type", broken
    if attachment.content_id is not None:
        if not _CONTENT_ID.fullmatch(attachment.content_id):
            yield "content_id", AttachmentRule.CONTENT_ID
        elif attachment.content_id in content_ids:
            yield "content_id", AttachmentRule.CONTENT_ID_DUPLICATE


def _broken_filename_rule(filename: str) -> Rule | None:
    if broken := broken_text_rule(filename):
        return broken
    if not filename.strip().strip(". "):
        return AttachmentRule.FILENAME_EMPTY
    if len(filename) > FILENAME_LIMIT:
        return AttachmentRule.FILENAME_TOO_LONG
    if _SEPARATOR.search(filename):
        return AttachmentRule.FILENAME_PATH
    return AttachmentRule.FILENAME_REFUSED if _extension(filename) in _REFUSED_EXTENSIONS else None


def _broken_content_type_rule(content_type: str) -> Rule | None:
    if len(content_type) > CONTENT_TYPE_LIMIT or not _CONTENT_TYPE.fullmatch(content_type):
        return AttachmentRule.CONTENT_TYPE
    return AttachmentRule.CONTENT_TYPE_COMPOSITE if content_type.lower().startswith(_COMPOSITE) else None


def _extension(filename: str) -> str:
    """The extension as Windows sees it: lower case, trailing dots and spaces gone (`run.exe. ` is a program there)."""
    _, dot, extension = filename.rstrip(". ").rpartition(".")
    return extension.lower() if dot else ""
