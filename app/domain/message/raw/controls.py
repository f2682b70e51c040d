"""Header fields by which a raw message says how it is to be sent. They are read and do not leave Postern.

Those of SES mean the same as at SES: the configuration set is the stream, the message tags are tags
(https://docs.aws.amazon.com/ses/latest/dg/event-publishing-send-email.html).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.domain.apps.own_words import ACTOR_LIMIT, KEY_LIMIT, TAG_LIMIT, TAG_WORD
from app.domain.errors import Fault
from app.domain.message.raw.fields import HeaderField
from app.domain.message.raw.rules import RawRule, pointer_to

Tag = tuple[str, str]

_TAGS = frozenset({"x-ses-message-tags", "x-postern-tags"})
_LIMITS = {"x-postern-actor": ACTOR_LIMIT, "x-postern-reference": KEY_LIMIT, "x-postern-supersedes": KEY_LIMIT}
_LANES = frozenset({"", "transactional", "bulk"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What the message says of itself; None where it says nothing."""

    stream: str | None
    lane: str | None
    actor: str | None
    reference: str | None
    supersedes: str | None
    tags: tuple[Tag, ...]


def read_controls(fields: Sequence[HeaderField]) -> Controls:
    """What the controls say. They have no `control_faults`."""
    said = {field.kind: field.value for field in fields if field.kind not in _TAGS}
    stream = said.get("x-postern-stream") or said.get("x-ses-configuration-set")
    return Controls(
        stream=stream_of(stream) if stream else None,
        lane=said.get("x-postern-lane", "").lower() or None,
        actor=said.get("x-postern-actor") or None,
        reference=said.get("x-postern-reference") or None,
        supersedes=said.get("x-postern-supersedes") or None,
        tags=tuple(tag for field in fields if field.kind in _TAGS for tag in _tags(field.value)),
    )


def control_faults(fields: Iterable[HeaderField]) -> Iterator[Fault]:
    """Every rule that a control breaks."""
    for field in fields:
        if field.kind in _TAGS and not all(map(_is_tag, _tags(field.value))):
            yield RawRule.TAGS.fault(pointer_to(field.name))
        if field.kind == "x-postern-lane" and field.value.lower() not in _LANES:
            yield RawRule.LANE.fault(pointer_to(field.name))
        if len(field.value) > _LIMITS.get(field.kind, len(field.value)):
            yield RawRule.TOO_LONG.fault(pointer_to(field.name))


def tag_faults(tags: Sequence[Tag]) -> Iterator[Fault]:
    """Every rule that the tags of an email break, at `/tags`."""
    if len(tags) > TAG_LIMIT:
        yield RawRule.TOO_MANY_TAGS.fault("/tags")
    yield from (RawRule.TAGS.fault(f"/tags/{number}") for number, tag in enumerate(tags) if not _is_tag(tag))


def stream_of(configuration_set: str) -> str:
    """The stream that has the name of a configuration set: streams are lower case, sets need not be."""
    return configuration_set.lower()


def _tags(value: str) -> Iterator[Tag]:
    for tag in value.split(","):
        if text := tag.strip():
            name, _, word = text.partition("=")
            yield name.strip(), word.strip()


def _is_tag(tag: Tag) -> bool:
    name, word = tag
    return bool(TAG_WORD.fullmatch(name) and (not word or TAG_WORD.fullmatch(word)))
