"""`/v1/suppressions/{email}/explain`: why no email is sent to an address, layer by layer, and who can change that."""

from typing import Annotated, Final, Literal, Self
from uuid import UUID

from flask import Response
from pydantic import Field

from app.domain.apps.callers import Caller, Scope
from app.domain.suppression.remedies import Remedy
from app.services.suppression.explanation.explain import Ask, Explanation, LastEvent
from app.services.suppression.explanation.layer import Finding, Layer, LayerName, LayerVerdict
from app.web.http.context import current_gateway
from app.web.http.fields import FlagText
from app.web.http.known import Known
from app.web.http.responses import Moment, View
from app.web.http.routing import Operation, Routes

explain = Routes("explain", __name__, url_prefix="/v1/suppressions")


_PATIENCE_S: Final = 2.0


class ExplainQuery(Known):
    """The email to explain. Only an admin may give `app`, and `live`, which asks SES for its list."""

    app: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    stream: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    live: FlagText = False


class RemedyView(View):
    """Who can unsuppress the address, with which command and which API call; null where there is none."""

    by: str
    command: str | None
    call: str | None

    @classmethod
    def of(cls, lift: Remedy) -> Self:
        """Make it from a remedy of the domain."""
        return cls(by=lift.by, command=lift.command, call=lift.call)


class FindingView(View):
    """One thing that a layer knows about the address. Fields that do not apply are null."""

    says: str
    since: Moment | None
    until: Moment | None
    scope: str | None
    origin: str | None
    suppression_id: UUID | None
    review_id: UUID | None
    email_id: UUID | None
    event: str | None
    diagnostic: str | None
    lift: RemedyView | None

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """Make it from a finding of a layer."""
        plain = {name: getattr(finding, name) for name in cls.model_fields if name != "lift"}
        return cls(**plain, lift=RemedyView.of(finding.remedy) if finding.remedy else None)


class LayerView(View):
    """One layer, its verdict, and the findings for it."""

    layer: LayerName
    verdict: LayerVerdict
    summary: str
    findings: list[FindingView]

    @classmethod
    def of(cls, layer: Layer) -> Self:
        """Make it from a layer."""
        findings = [FindingView.of(one) for one in layer.findings]
        return cls(layer=layer.name, verdict=layer.verdict, summary=layer.summary, findings=findings)


class LastEventView(View):
    """The last event that SES reported about the address."""

    at: Moment
    type: str
    detail: str
    effect: str
    email_id: UUID | None

    @classmethod
    def of(cls, event: LastEvent) -> Self:
        """Make it from an event."""
        return cls(at=event.at, type=event.type, detail=event.detail, effect=event.effect, email_id=event.email_id)


class ExplanationView(View):
    """Whether an email would be sent now, in one sentence and layer by layer."""

    object: Literal["explanation"]
    email: str
    app: str | None
    stream: str | None
    would_send: bool
    except_in: list[str]
    conclusion: str
    layers: list[LayerView]
    last_news: LastEventView | None

    @classmethod
    def of(cls, explanation: Explanation) -> Self:
        """Make it from an explanation of the service."""
        return cls(
            object="explanation",
            email=explanation.email,
            app=explanation.app,
            stream=explanation.stream,
            would_send=explanation.would_send,
            except_in=list(explanation.except_in),
            conclusion=explanation.conclusion,
            layers=[LayerView.of(one) for one in explanation.layers],
            last_news=LastEventView.of(explanation.last_event) if explanation.last_event else None,
        )


@explain.operation(
    "GET",
    "/<path:email>/explain",
    Operation(
        guard=Scope.SUPPRESSIONS_READ,
        summary="Explain why no email is sent to this address: every layer, its evidence, and who can change it.",
        query=ExplainQuery,
        gives=ExplanationView,
    ),
)
def explain_address(caller: Caller, email: str, query: ExplainQuery) -> Response:
    """Answer for any address, also for one that no layer blocks."""
    ask = Ask(app=query.app, stream=query.stream, live=query.live, patience_s=_PATIENCE_S)
    return ExplanationView.of(current_gateway().explain(caller, email, ask)).answer()
