"""Fill a form of a page with what was typed into it, and say beside each field what is wrong with it.

It changes the HTML of the page, so that every form is shown again in the same way and no template has to know of it.
Passwords, codes and files are never filled in.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape, unescape
from typing import Final

from app.web.console.frame.refusals.pieces import Piece, joined, pieces_of

Typed = Mapping[str, Sequence[str]]

_FIELDS: Final = {"input", "select", "textarea"}
_CHOSEN: Final = {"checkbox", "radio"}
_KEPT_EMPTY: Final = {"password", "file", "hidden"}
_SECRET: Final = {"one-time-code", "current-password", "new-password"}


@dataclass(slots=True)
class _Form:
    """The place of a form among the pieces, its fields, and the details around it."""

    start: int
    around: list[int]
    end: int = 0
    fields: list[int] = field(default_factory=list)


def refill(page: str, action: str, typed: Typed, faults: Mapping[str, str], problem: str) -> str | None:
    """The page with its form for `action` as it was sent; None if it has no such form.

    `faults` are by field. What concerns no field of the form, and `problem` where nothing else is to be said, is above
    it. The first field with a fault, or else that sentence, gets the focus.
    """
    pieces = pieces_of(page)
    form = next((one for one in _forms(pieces) if _is_sent(pieces, one, action, typed)), None)
    if form is None:
        return None
    left = {name: list(values) for name, values in typed.items()}
    for index in form.fields:
        _fill(pieces, index, left)
    for index in form.around:
        pieces[index].put({"open": ""})
    marked = _mark(pieces, form, faults)
    others = [detail for name, detail in faults.items() if name not in marked]
    _say(pieces, form, " ".join(others) or ("Nothing was changed: see below." if marked else problem), focus=not marked)
    _entitle(pieces)
    return joined(pieces)


def _forms(pieces: list[Piece]) -> Iterator[_Form]:
    """The forms of the page."""
    around: list[int] = []
    form: _Form | None = None
    for index, piece in enumerate(pieces):
        if piece.starts == "details":
            around.append(index)
        elif piece.ends == "details":
            around.pop()
        elif piece.starts == "form":
            form = _Form(index, list(around))
        elif piece.ends == "form" and form is not None:
            form.end = index
            yield form
            form = None
        elif form is not None and piece.starts in _FIELDS and "name" in piece.attributes:
            form.fields.append(index)
            form.around += [one for one in around if one not in form.around]


def _is_sent(pieces: list[Piece], form: _Form, action: str, typed: Typed) -> bool:
    """Whether this form was sent: it is for the action, and about the same thing, which its hidden fields name."""
    if pieces[form.start].attributes.get("action", "").partition("?")[0] != action:
        return False
    hidden = (pieces[index].attributes for index in form.fields if pieces[index].attributes.get("type") == "hidden")
    return all(one.get("value", "") in typed.get(one["name"], ()) for one in hidden if one["name"] in typed)


def _fill(pieces: list[Piece], index: int, left: dict[str, list[str]]) -> None:
    """Fill one field. Of several with one name, each takes the next value."""
    piece = pieces[index]
    kind, name = piece.attributes.get("type", "text"), piece.attributes["name"]
    if kind in _KEPT_EMPTY or piece.attributes.get("autocomplete") in _SECRET:
        return
    values = left.get(name, [])
    if kind in _CHOSEN:
        piece.put({"checked": "" if piece.attributes.get("value", "on") in values else None})
    elif piece.starts == "select":
        _choose(pieces, index, values)
    else:
        value = values.pop(0) if values else ""
        if piece.starts == "input":
            piece.put({"value": value})
        else:
            _write(pieces, index, value)


def _choose(pieces: list[Piece], index: int, values: Sequence[str]) -> None:
    for at in range(index, _end_of(pieces, index)):
        option = pieces[at]
        if option.starts == "option":
            value = option.attributes.get("value", unescape(pieces[at + 1].text).strip())
            option.put({"selected": "" if value in values else None})


def _write(pieces: list[Piece], index: int, value: str) -> None:
    for at in range(index + 1, _end_of(pieces, index)):
        pieces[at].text = ""
    pieces[index].after = f"\n{escape(value)}"


def _end_of(pieces: list[Piece], index: int) -> int:
    """The end tag of an element without others of its kind in it; an input ends at once."""
    tag = pieces[index].starts
    return index if tag == "input" else next(at for at in range(index, len(pieces)) if pieces[at].ends == tag)


def _mark(pieces: list[Piece], form: _Form, faults: Mapping[str, str]) -> set[str]:
    """Say at each field what is wrong with it. The names of the fields for which that was done."""
    marked: set[str] = set()
    for index in form.fields:
        piece = pieces[index]
        name = piece.attributes["name"]
        if name not in faults or name in marked or piece.attributes.get("type") == "hidden":
            continue
        described = f"{piece.attributes.get('aria-describedby', '')} fault-{name}".strip()
        focus = {} if marked else {"autofocus": ""}
        piece.put({"aria-invalid": "true", "aria-describedby": described, **focus})
        label = _end_of_label(pieces, index)
        pieces[label].after += f'<p class="fault" id="fault-{escape(name)}">{escape(faults[name])}</p>'
        marked.add(name)
    return marked


def _end_of_label(pieces: list[Piece], index: int) -> int:
    """Where the label around a field ends, or else the field."""
    for at in range(index, len(pieces)):
        if pieces[at].ends == "label":
            return at
        if pieces[at].starts == "label" or pieces[at].ends == "form":
            break
    return _end_of(pieces, index)


def _say(pieces: list[Piece], form: _Form, sentence: str, *, focus: bool) -> None:
    """Say it above the form; above the page for the search, which is on every page."""
    is_search = pieces[form.start].attributes.get("role") == "search"
    place = next((at for at, one in enumerate(pieces) if is_search and one.starts == "main"), form.start)
    focused = ' tabindex="-1" autofocus' if focus else ""
    pieces[place].after = f'<p class="problem" role="alert"{focused}>{escape(sentence)}</p>{pieces[place].after}'


def _entitle(pieces: list[Piece]) -> None:
    """Have the title say first that something is wrong: a screen reader reads it first."""
    title = next(piece for piece in pieces if piece.starts == "title")
    title.after = "Not done: "
