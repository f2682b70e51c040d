"""The layers that are not about the address: what holds email back here, and what became of the last emails to it.

The layers are judged from facts that the caller has read. This module reads nothing itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.domain.sending.circuit_words import what_waits
from app.domain.sending.state_machine import State
from app.domain.suppression.remedies import Remedy
from app.domain.suppression.rules import scope_of
from app.services.suppression.explanation.layer import Finding, Layer, LayerName, LayerVerdict
from app.store.apps.app_pauses import LANES
from app.store.sending.circuits import OF_EVERYBODY, Circuit
from app.store.submission.last_emails import LastEmail

LAST_EMAILS: Final = 5
_RECOVERY: Final = "recovery"
_LANE: Final = "lane:"
_APP: Final = "app:"
_WENT_WELL: Final = frozenset({State.SENT, State.DELIVERED, State.SCHEDULED, State.QUEUED, State.SENDING})
_BY_ITSELF: Final = Remedy(by="Postern: it tries again by itself, and sends what waits", command=None, call=None)


@dataclass(frozen=True, slots=True)
class Emails:
    """Which emails the question is about: those of an application and of one of its streams; None for any."""

    app: str | None
    stream: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingFacts:
    """The open circuits, and the last emails to the address that the caller may see, newest first."""

    emails: Emails
    waiting: tuple[Circuit, ...]
    last: tuple[LastEmail, ...]

    @property
    def concerning(self) -> tuple[Circuit, ...]:
        """The circuits that hold back some of the emails in question."""
        return tuple(one for one in self.waiting if self._concerns(one.scope))

    @property
    def all_wait(self) -> bool:
        """Whether each of the emails in question waits, whatever its lane and sender."""
        scopes = {one.scope for one in self.waiting}
        lanes_of_app = {f"{_APP}{self.emails.app}/{lane}" for lane in LANES}
        return not scopes.isdisjoint(OF_EVERYBODY | {_RECOVERY}) or lanes_of_app <= scopes

    def _concerns(self, scope: str) -> bool:
        if self.emails.app is None:
            return True
        if scope.startswith(_APP):
            return scope.startswith(f"{_APP}{self.emails.app}/")
        if not scope.startswith("stream:"):
            return True
        own = scope.removeprefix("stream:")
        return (
            own == scope_of(self.emails.app, self.emails.stream)
            if self.emails.stream
            else own.startswith(scope_of(self.emails.app, ""))
        )


def sending_layers(facts: SendingFacts) -> tuple[Layer, ...]:
    """What holds email back, and the last emails."""
    return _circuits(facts), _last(facts)


def _circuits(facts: SendingFacts) -> Layer:
    if not facts.concerning:
        return Layer(name=LayerName.SENDING, verdict=LayerVerdict.CLEAR, summary="Nothing holds email back here.")
    whose = "All email" if facts.all_wait else "Some email"
    return Layer(
        name=LayerName.SENDING,
        verdict=LayerVerdict.DELAYS if facts.all_wait else LayerVerdict.WARNS,
        summary=f"{whose} is kept and waits: {'; '.join(_said(one) for one in facts.concerning)}.",
        findings=tuple(
            Finding(says=_said(one), since=one.opened_at, scope=one.scope, remedy=_remedy(one))
            for one in facts.concerning
        ),
    )


def _said(circuit: Circuit) -> str:
    """What waits and why, without a full stop."""
    return f"{what_waits(circuit.scope)} ({circuit.reason.rstrip('.')})"


def _remedy(circuit: Circuit) -> Remedy:
    if circuit.scope.startswith(_LANE):
        return Remedy(by="an operator", command=f"./postern resume {circuit.scope.removeprefix(_LANE)}", call=None)
    if circuit.scope.startswith(_APP):
        app = circuit.scope.removeprefix(_APP).partition("/")[0]
        return Remedy(by="an operator", command=f"./postern app resume {app} --reason WHY", call=None)
    if circuit.scope == _RECOVERY:
        return Remedy(by="an operator", command="./postern recovery end", call=None)
    return _BY_ITSELF


def _last(facts: SendingFacts) -> Layer:
    name = LayerName.LAST_EMAILS
    if not facts.last:
        return Layer(name=name, verdict=LayerVerdict.CLEAR, summary="No email to the address is kept here.")
    newest = facts.last[0]
    return Layer(
        name=name,
        verdict=LayerVerdict.CLEAR if newest.state in _WENT_WELL else LayerVerdict.WARNS,
        summary=f"The last email, of {newest.created_at:%Y-%m-%d %H:%M} UTC: {newest.state}.",
        findings=tuple(_of_emails(facts)),
    )


def _of_emails(facts: SendingFacts) -> Iterator[Finding]:
    for one in facts.last:
        held = next((f" Held back: {circuit.reason}" for circuit in facts.waiting if one.waits_for(circuit)), "")
        because = f" {one.reason}" if one.reason else ""
        yield Finding(
            says=f"{one.app}/{one.stream}: {one.state}.{held or because}",
            since=one.created_at,
            email_id=one.email_id,
        )
