"""Set the title of a stream and whether its email has one-click unsubscribe links. It sends nothing."""

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Fault, NotFound, ValidationFailed
from app.domain.message.text_rules import broken_text_rule
from app.domain.suppression.rules import is_stream
from app.services.paging import PageByName, Paged, paged
from app.services.suppression.unsubscribe_links import RULE, Links
from app.store.apps import apps, streams
from app.store.apps.apps import App
from app.store.apps.streams import Stream
from app.store.engine.database import Database
from app.store.operating import audit

_LONGEST_TITLE = 200


class Streams:
    """Sets and lists streams."""

    def __init__(self, *, database: Database, links: Links) -> None:
        self._database = database
        self._links = links

    def set(
        self,
        caller: Caller,
        app: str,
        name: str,
        *,
        title: str | None = None,
        unsubscribe: bool | None = None,
        reason: str | None = None,
    ) -> Stream:
        """Change a stream; None changes nothing. Raises `NotFound` for an unknown application, and `ValidationFailed`.

        Links are refused while the public URL is not fit for them.
        """
        caller.require(Scope.ADMIN)
        title = title if title is None else title.strip()
        _check(name, title)
        if unsubscribe and not self._links.can_be_made:
            raise _invalid("/unsubscribe", "public_url", RULE)
        with self._database.transaction() as connection:
            owner = _owner(connection, app)
            stream = streams.put(connection, app_id=owner.id, name=name, title=title, unsubscribe=unsubscribe)
            data = {"app": app, "stream": name, "title": stream.title, "unsubscribe": stream.unsubscribe}
            audit.write(connection, actor=caller.actor, action="stream_set", key=None, reason=reason, data=data)
        return stream

    def all(self, caller: Caller) -> tuple[Stream, ...]:
        """Every stream that was set."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return streams.all_streams(connection)

    def page(self, caller: Caller, app: str, page: PageByName) -> Paged[Stream]:
        """One page of the streams of the application that were set, by name. Raises `NotFound`."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            owner = _owner(connection, app)
            rows = streams.page(connection, owner.id, limit=page.limit + 1, after=page.after, before=page.before)
        return paged(rows, page)


def _owner(connection: Connection, app: str) -> App:
    owner = apps.by_name(connection, app)
    if owner is None:
        raise NotFound("There is no application of this name; `./postern app create` makes it.")
    return owner


def check_stream(name: str) -> Fault | None:
    """The rule that the name of a stream breaks, if any."""
    rule = "1 to 64 of a-z, 0-9, dot, hyphen and underscore, a letter or digit first."
    return None if is_stream(name) else Fault("/stream", "grammar", rule)


def _check(name: str, title: str | None) -> None:
    if fault := check_stream(name):
        raise _invalid(fault.pointer, fault.code, fault.detail)
    if title is not None and (not 0 < len(title) <= _LONGEST_TITLE or broken_text_rule(title)):
        raise _invalid("/title", "grammar", f"A title is one line of 1 to {_LONGEST_TITLE} characters.")


def _invalid(pointer: str, code: str, rule: str) -> ValidationFailed:
    return ValidationFailed(rule, faults=(Fault(pointer, code, rule),))
