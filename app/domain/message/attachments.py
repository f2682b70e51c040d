"""The files attached to an email: allowed names and content types, and the files that SES refuses.

It decides by name and content type. It never opens a file, and never relies on its content type being true.
"""

import mimetypes
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.domain.errors import Fault
from app.domain.message.content_types import broken_content_type_rule
from app.domain.message.text_rules import Rule, broken_text_rule, detail_of
from app.domain.message.unseen import first_unseen, is_misleading

ATTACHMENT_COUNT_LIMIT = 495
"""SES takes 500 MIME parts; two texts and three multiparts around them are the most that Postern adds."""

FILENAME_LIMIT = 255
CONTENT_ID_LIMIT = 78

_SEPARATOR = re.compile(r"[/\\]")
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
_BY_LABEL = {label: extension for extension, label in _LABELS.items() if extension not in {"htm", "jpeg"}}
# Without files: what it knows is the same on every machine.
_TYPES = mimetypes.MimeTypes(filenames=())


class AttachmentRule(Rule):
    """What an attachment has to be."""

    TOO_MANY = "too_many_attachments", f"An email has at most {ATTACHMENT_COUNT_LIMIT} attachments."
    FILENAME_EMPTY = "filename_empty", "A file name has something besides dots and spaces."
    FILENAME_UNSEEN = (
        "filename_invisible_character",
        "A file name holds no invisible characters that make it read differently.",
    )
    FILENAME_TOO_LONG = "filename_too_long", f"A file name has at most {FILENAME_LIMIT} characters."
    FILENAME_PATH = "filename_path", "A file name holds no / and no \\."
    FILENAME_REFUSED = "filename_refused", "Amazon SES does not accept files with this extension."
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
        """The `Content-Type` of the MIME part: its own, else one by the extension, the same on every machine."""
        return self.content_type or _LABELS.get(_extension(self.filename), _UNLABELLED)


def file_name(
    given: str | None, *, named: Sequence[str | None] = (), content_type: str | None = None, number: int
) -> str:
    """The name of a file, without its folders. Where it has none: the first of `named`, or `attachment-<number>`.

    `named` are names that came with its content type or its address. Nothing is checked here but an extension that is
    made up: it is never one that SES refuses.
    """
    for name in (given, *named):
        if name and (last := _SEPARATOR.split(name.rstrip("/\\"))[-1].strip(" \t\r\n")):
            return last
    if given:
        return given
    kind = (content_type or _UNLABELLED).partition(";")[0].lower()
    extension = _BY_LABEL.get(kind) or (_TYPES.guess_extension(kind) or ".bin").removeprefix(".")
    return f"attachment-{number}.{'bin' if extension in _REFUSED_EXTENSIONS else extension}"


def check_attachments(attachments: tuple[Attachment, ...]) -> tuple[Fault, ...]:
    """Every rule that the attachments break, each at `/attachments/<index>/<field>`."""
    faults = []
    if len(attachments) > ATTACHMENT_COUNT_LIMIT:
        faults.append(AttachmentRule.TOO_MANY.fault("/attachments"))
    content_ids: set[str] = set()
    for index, attachment in enumerate(attachments):
        for name, rule in _broken_rules(attachment, content_ids):
            faults.append(rule.fault(f"/attachments/{index}/{name}", detail_of(rule, attachment.filename)))
        if attachment.content_id is not None:
            content_ids.add(attachment.content_id)
    return tuple(faults)


def check_file_names(attachments: tuple[Attachment, ...]) -> tuple[Fault, ...]:
    """Every file name that reads differently from what it is: `a<U+202E>fdp.exe` shows as `aexe.pdf`."""
    found = [(index, first_unseen(one.filename, is_misleading)) for index, one in enumerate(attachments)]
    rule = AttachmentRule.FILENAME_UNSEEN
    return tuple(
        rule.fault(f"/attachments/{index}/filename", f"{rule.sentence} Found {unseen}.")
        for index, unseen in found
        if unseen
    )


def _broken_rules(attachment: Attachment, content_ids: set[str]) -> Iterator[tuple[str, Rule]]:
    if broken := _broken_filename_rule(attachment.filename):
        yield "filename", broken
    if attachment.content_type is not None and (broken := broken_content_type_rule(attachment.content_type)):
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
    return AttachmentRule.FILENAME_REFUSED if is_refused_by_ses(filename) else None


def is_refused_by_ses(filename: str) -> bool:
    """Whether SES refuses every email with a file of this name, for its extension."""
    return _extension(filename) in _REFUSED_EXTENSIONS


def _extension(filename: str) -> str:
    """The extension as Windows sees it: lower case, trailing dots and spaces gone (`run.exe. ` is a program there)."""
    _, dot, extension = filename.rstrip(". ").rpartition(".")
    return extension.lower() if dot else ""
