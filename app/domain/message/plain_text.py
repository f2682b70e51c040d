"""A plain text of an HTML body, for readers that show none: filters weigh an email without one.

It decides which links and images the text names, and which HTML gets no text. lxml reads the HTML in linear time and
to a bounded depth, and html-text lays out the lines.
"""

from functools import lru_cache

import html_text
from lxml import etree

HTML_LIMIT = 256 * 1024
"""Characters of an HTML body that gets a text. Gmail clips a message at 102 KB."""

TAG_LIMIT = 10_000
"""Characters `<` of an HTML body that gets a text: each costs up to 10 us, far more than a character of text."""

_REMEMBERED = 16

_UNSHOWN = ("head", "style", "script", "template", "noscript", "title", "object", "svg", etree.Comment, etree.PI)
_HIDDEN = "/*//*[contains(translate(@style, 'DISPLAYNOE ', 'displaynoe'), 'display:none')]"
_LINKS = ("http://", "https://", "mailto:", "tel:", "{{")


@lru_cache(_REMEMBERED)
def plain_text_of(html: str) -> str | None:
    """The text of `html`, without what is hidden, each link followed by its address; None without one.

    Recent results are cached: a batch often repeats one body.
    """
    if len(html) > HTML_LIMIT or html.count("<") > TAG_LIMIT:
        return None
    try:
        root = html_text.parse_html(html)
        etree.strip_elements(root, *_UNSHOWN, with_tail=False)
        for hidden in root.xpath(_HIDDEN):
            hidden.drop_tree()
        for link in root.iter("a"):
            _name_address(link)
        for image in root.iter("img"):
            image.text = image.get("alt", "")
        return html_text.etree_to_text(root) or None
    except (ValueError, etree.LxmlError):  # UnicodeError is a ValueError
        return None


def _name_address(link: etree._Element) -> None:
    address = link.get("href", "").strip()
    shown = "".join(link.itertext()).strip()
    if not address.lower().startswith(_LINKS) or address in {shown, f"mailto:{shown}", f"tel:{shown}"}:
        return
    last = link[-1] if len(link) else None
    addition = f" [{address}]"
    if last is None:
        link.text = (link.text or "") + addition
    else:
        last.tail = (last.tail or "") + addition
