"""The SES event reader, with every payload of `tests/corpus/ses` and with arbitrary input."""

import copy
import dataclasses
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.aws.events.notification import MAX_RECIPIENTS, read_notification
from app.domain.feedback.events import BounceType, EventType, Reading, SesEvent

CORPUS = Path(__file__).parents[2] / "corpus" / "ses"
READINGS = {reading["payload"]: reading for reading in json.loads((CORPUS / "readings.json").read_text())}
VARIANTS = [
    pytest.param(case, payload, id=f"{payload}: {case['name']}")
    for case in json.loads((CORPUS / "variants.json").read_text())
    for payload in case["payloads"]
]
PAYLOADS = {file.stem: json.loads(file.read_text()) for file in sorted(CORPUS.glob("*.json")) if file.name in READINGS}
RECEIVED_AT = dt.datetime(2026, 4, 1, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
def test_every_payload_reads_as_the_corpus_says(reading: dict[str, Any]) -> None:
    """Each documented payload, in either format, gives exactly these events or this note."""
    text = (CORPUS / reading["payload"]).read_text()
    assert plain(read(text)) == {"events": reading["events"], "note": reading["note"], "unread": False}


@pytest.mark.parametrize("case, payload", VARIANTS)
def test_every_variant_reads_as_the_corpus_says(case: dict[str, Any], payload: str) -> None:
    """Every type and subtype, odd form and missing field changes exactly the expected parts of the events."""
    changed = copy.deepcopy(PAYLOADS[payload])
    for path, value in case.get("set", {}).items():
        put(changed, path, value)
    for path in case.get("remove", ()):
        remove(changed, path)
    expected = {"events": copy.deepcopy(READINGS[f"{payload}.json"]["events"]), "note": case.get("note")}
    expected["unread"] = expected["note"] is not None and not expected["note"].startswith("SES greeted")
    if "events" in case:
        expected["events"] = case["events"]
    for event in expected["events"]:
        for path, value in case.get("expect", {}).items():
            put(event, path, value)
    assert plain(read(json.dumps(changed))) == expected


def test_the_corpus_holds_every_kind_of_event() -> None:
    """Every kind of event has a payload."""
    kinds = {event["kind"] for reading in READINGS.values() for event in reading["events"]}
    assert kinds | {"unknown"} == {kind.value for kind in EventType}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_reads_as_a_note(text: str) -> None:
    """Text that is not an SES payload gives no event and never raises."""
    reading = read(text)
    assert reading.events == ()
    assert reading.note
    assert reading.unread


@given(json_values)
def test_any_json_reads_as_a_note(value: object) -> None:
    """JSON of any shape that names no email gives no event and never raises."""
    reading = read(json.dumps(value))
    assert reading.events == ()
    assert reading.note
    assert reading.unread


@given(st.sampled_from(sorted(PAYLOADS)), st.data())
def test_a_genuine_payload_with_parts_replaced_by_anything_still_reads(payload: str, data: st.DataObject) -> None:
    """Whatever replaces a value of SES, the reading is complete, bounded and can be stored."""
    changed = copy.deepcopy(PAYLOADS[payload])
    paths = sorted(places(changed))
    for path in data.draw(st.lists(st.sampled_from(paths), max_size=4, unique=True)):
        replace(changed, path, data.draw(json_values))
    reading = read(json.dumps(changed))
    assert reading.events or reading.note
    for event in reading.events:
        check(event)


def test_a_payload_that_nests_without_end_is_a_note() -> None:
    """A payload that nests too deeply for a parser is not parsed."""
    for text in ("[" * 100_000, '{"mail":' * 100_000, '{"a":' + "9" * 5000 + "}"):
        assert read(text) == Reading((), "the payload is not a JSON object", unread=True)


def test_more_recipients_than_ses_allows_are_cut_and_the_cut_is_noted() -> None:
    """The work per notification is bounded, and anything dropped is recorded."""
    payload = copy.deepcopy(PAYLOADS["event-bounce"])
    payload["bounce"]["bouncedRecipients"] = [{"emailAddress": f"r{n}@invitee.example"} for n in range(5000)]
    reading = read(json.dumps(payload))
    assert [event.recipient for event in reading.events] == [f"r{n}@invitee.example" for n in range(MAX_RECIPIENTS)]
    assert reading.unread
    assert reading.note is not None
    assert str(MAX_RECIPIENTS) in reading.note


@pytest.mark.parametrize("payload", sorted(PAYLOADS))
def test_no_sentence_of_the_timeline_holds_an_address(payload: str) -> None:
    """`detail` and notes say what happened without naming the recipient."""
    changed = copy.deepcopy(PAYLOADS[payload])
    keep = {("eventType",), ("notificationType",), ("mail", "messageId")}
    for path in sorted(places(changed)):
        if path not in keep and isinstance(value_at(changed, path), str):
            replace(changed, path, "ann.gone@invitee.example")
    reading = read(json.dumps(changed))
    assert "@" not in (reading.note or "") + "".join(event.detail for event in reading.events)


def check(event: SesEvent) -> None:
    """Assert the properties that every consumer of an event relies on."""
    assert event.occurred_at.utcoffset() == dt.timedelta(0)
    assert event.mail_sent_at is None or event.mail_sent_at.utcoffset() == dt.timedelta(0)
    assert (event.bounce is not None) == (event.kind is EventType.BOUNCE)
    assert (event.complaint is not None) == (event.kind is EventType.COMPLAINT)
    assert event.bounce is None or isinstance(event.bounce.type, BounceType)
    assert event.detail.endswith(".")
    assert "@" not in event.detail
    for text in strings(dataclasses.asdict(event)):
        assert len(text.encode()) <= 4000
        assert "\0" not in text


def read(text: str) -> Reading:
    return read_notification(text, received_at=RECEIVED_AT)


def plain(reading: Reading) -> dict[str, Any]:
    """Return the reading as JSON, in the form of the corpus."""
    text = json.dumps(dataclasses.asdict(reading), default=lambda moment: moment.isoformat())
    return dict(json.loads(text))


def strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            yield from (text for item in value.values() for text in strings(item))
        case list() | tuple():
            yield from (text for item in value for text in strings(item))


def places(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every value inside, as text."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, str(key))
        yield from places(item, (*path, str(key)))


def value_at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def replace(value: Any, path: tuple[str, ...], new: object) -> None:
    """Put a value at the path, unless an earlier replacement has removed the path."""
    try:
        holder = value_at(value, path[:-1])
        holder[int(path[-1]) if isinstance(holder, list) else path[-1]] = new
    except (LookupError, TypeError, ValueError):
        return


def put(value: Any, path: str, new: Any) -> None:
    *way, last = path.split(".")
    holder = value_at(value, tuple(way))
    if isinstance(new, dict) and new.keys() == {"repeat", "times"}:
        new = new["repeat"] * new["times"]
    holder[int(last) if isinstance(holder, list) else last] = new


def remove(value: Any, path: str) -> None:
    *way, last = path.split(".")
    del value_at(value, tuple(way))[last]
