"""The pieces of a page of ours, each as it is written, so that a page can be changed at single tags."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser

VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})
"""The elements without an end tag that our pages use."""


@dataclass(slots=True)
class Piece:
    """A start tag with its attributes, an end tag, or a text. `after` is inserted behind it."""

    text: str
    starts: str = ""
    ends: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    after: str = ""

    def put(self, attributes: Mapping[str, str | None]) -> None:
        """Change attributes of a start tag. None takes one away."""
        kept = {**self.attributes, **attributes}
        self.attributes = {name: value for name, value in kept.items() if value is not None}
        written = "".join(f' {name}="{escape(value)}"' for name, value in self.attributes.items())
        self.text = f"<{self.starts}{written}>"


def pieces_of(page: str) -> list[Piece]:
    """The pieces in order: together they are the page."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.found


def joined(pieces: list[Piece]) -> str:
    """The page of these pieces."""
    return "".join(piece.text + piece.after for piece in pieces)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[Piece] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.found.append(Piece(self.get_starttag_text() or "", starts=tag, attributes=attributes))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.found.append(Piece(f"</{tag}>", ends=tag))

    def handle_data(self, data: str) -> None:
        self.found.append(Piece(data))

    def handle_entityref(self, name: str) -> None:
        self.found.append(Piece(f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self.found.append(Piece(f"&#{name};"))

    def handle_decl(self, decl: str) -> None:
        self.found.append(Piece(f"<!{decl}>"))
