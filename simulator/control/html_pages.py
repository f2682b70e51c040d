"""How a page of the simulator is written: its style, its policy, its forms, and the links of an email.

A page loads nothing and runs no script. What comes from an email is escaped by who puts it into a page.
"""

import re
from html import escape, unescape
from typing import Final

from simulator.events.mailbox_behaviours import Behaviour
from simulator.http.server import Response

REFRESH_S: Final = 3
_MOST_LINKS: Final = 50
_LINK: Final = re.compile(r"https?://[^\s<>\"']{1,2000}")

_CONTENT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1a1a1a; }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #e8e8e8; } a { color: #8ab4f8; } }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8884; }
td { overflow-wrap: anywhere; }
form { display: inline-block; margin: 0 2rem .5rem 0; }
input, select, button { font: inherit; padding: .2rem .5rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid #8884; padding: 1rem; }
iframe { width: 100%; height: 24rem; border: 1px solid #8884; background: #fff; }
dt { font-weight: 600; } dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  thead { display: none; }
  tr { display: block; border: 1px solid #8884; border-radius: .5rem; padding: .5rem .8rem; margin: 0 0 .8rem; }
  td { display: block; border: 0; padding: .1rem 0; }
  td::before { content: attr(data-name) ": "; font-weight: 600; }
}
"""


def page(title: str, content: str, *, status: int = 200, refresh_s: int | None = None) -> Response:
    """Return a page. The title is escaped here; `refresh_s`: the browser loads it anew after so many seconds."""
    anew = f'<meta http-equiv="refresh" content="{refresh_s}">' if refresh_s else ""
    whole = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}: SES simulator</title>'
        f'<meta name="viewport" content="width=device-width">{anew}<style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{content}</main></body></html>"
    )
    headers = (
        ("Content-Security-Policy", _CONTENT_POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
    )
    return Response(status, whole.encode("utf-8", "replace"), content_type="text/html; charset=utf-8", headers=headers)


def cell(name: str, content: str) -> str:
    """Return a cell of a table, which on a phone is a line that begins with its name."""
    return f'<td data-name="{name}">{content}</td>'


def filter_form(wanted: str, *, refresh: bool) -> str:
    """Return the form that filters the inbox and has it loaded anew."""
    checked = " checked" if refresh else ""
    return (
        f'<form action="/"><label>Show <input type="search" name="q" value="{escape(wanted)}" '
        f'placeholder="address or subject"></label> <label><input type="checkbox" name="refresh"{checked}> '
        f"reload every {REFRESH_S} s</label> <button>Show</button></form>"
    )


def next_form(chosen: Behaviour | None) -> str:
    """Return the form that makes the next email bounce, or behave otherwise."""
    choices = "".join(
        f'<option value="{value}"{" selected" if value == (chosen or "") else ""}>{name}</option>'
        for value, name in (("", "as its address says"), *((one.value, one.value) for one in Behaviour))
    )
    return (
        '<form action="/_simulator/next" method="post"><label>The next email behaves '
        f'<select name="behaviour">{choices}</select></label> <button>Set</button></form>'
    )


def links_of(text: str | None, html: str | None) -> str:
    """Return the links of an email as a list to click on; its HTML is shown in a frame that opens none."""
    found = [unescape(link) for link in _LINK.findall(html or "")] + _LINK.findall(text or "")
    links = list(dict.fromkeys(link.rstrip(".,;:!?)") for link in found))[:_MOST_LINKS]
    if not links:
        return ""
    items = "".join(f'<li><a href="{escape(one)}" rel="noreferrer noopener">{escape(one)}</a></li>' for one in links)
    return f"<h2>Links</h2><ul>{items}</ul>"
