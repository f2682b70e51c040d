"""`/v1/suppressions/{email}/explain`: why no mail is sent to an address, layer by layer, and who can lift it."""

from typing import Annotated, Literal, Self
from uuid import UUID

from flask import Response
from pydantic import Field

from app.domain.callers import Caller, Scope
from app.domain.lifting import Lift
from app.services.explain import Ask, Explanation, News
from app.services.layers import Finding, Layer, LayerName, Verdict
from app.web.answers import Moment, Told
from app.web.context import current_gateway
from app.web.fields import FlagText
from app.web.routing import Operation, Routes
from app.web.schemas import Known

explain = Routes("explain", __name__, url_prefix="/v1/suppressions")


class ExplainQuery(Known):
    """Which mail is meant. `app` is for an admin; so is `live`, which asks SES itself for its own list."""

    app: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    stream: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    live: FlagText = False


class ToldLift(Told):
    """Who can lift it, with which command and which call; null where there is none."""

    by: str
    command: str | None
    call: str | None

    @classmethod
    def of(cls, lift: Lift) -> Self:
        """Written from what the domain says."""
        return cls(by=lift.by, command=lift.command, call=lift.call)


class ToldFinding(Told):
    """One thing that a layer knows; what does not apply is null."""

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
    lift: ToldLift | None

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """Written from what the layer found."""
        plain = {name: getattr(finding, name) for name in cls.model_fields if name != "lift"}
        return cls(**plain, lift=ToldLift.of(finding.lift) if finding.lift else None)


class ToldLayer(Told):
    """One layer, its verdict, and what it rests on."""

    layer: LayerName
    verdict: Verdict
    summary: str
    findings: list[ToldFinding]

    @classmethod
    def of(cls, layer: Layer) -> Self:
        """Written from the layer."""
        findings = [ToldFinding.of(one) for one in layer.findings]
        return cls(layer=layer.name, verdict=layer.verdict, summary=layer.summary, findings=findings)


class ToldNews(Told):
    """The last that was heard of the address."""

    at: Moment
    type: str
    detail: str
    effect: str
    email_id: UUID | None

    @classmethod
    def of(cls, news: News) -> Self:
        """Written from the news."""
        return cls(at=news.at, type=news.type, detail=news.detail, effect=news.effect, email_id=news.email_id)


class ToldExplanation(Told):
    """Whether a mail would be sent now, in one sentence and layer by layer."""

    object: Literal["explanation"]
    email: str
    app: str | None
    stream: str | None
    would_send: bool
    except_in: list[str]
    conclusion: str
    layers: list[ToldLayer]
    last_news: ToldNews | None

    @classmethod
    def of(cls, explanation: Explanation) -> Self:
        """Written from what the service found."""
        return cls(
            object="explanation",
            email=explanation.email,
            app=explanation.app,
            stream=explanation.stream,
            would_send=explanation.would_send,
            except_in=list(explanation.except_in),
            conclusion=explanation.conclusion,
            layers=[ToldLayer.of(one) for one in explanation.layers],
            last_news=ToldNews.of(explanation.last_news) if explanation.last_news else None,
        )


@explain.operation(
    "GET",
    "/<path:email>/explain",
    Operation(
        guard=Scope.SUPPRESSIONS_READ,
        summary="Why is no mail sent to this address? Every layer, its evidence, and who can lift it.",
        query=ExplainQuery,
        gives=ToldExplanation,
    ),
)
def explain_address(caller: Caller, email: str, query: ExplainQuery) -> Response:
    """Answer for any address, also for one that nothing stands against."""
    ask = Ask(app=query.app, stream=query.stream, live=query.live)
    return ToldExplanation.of(current_gateway().explain(caller, email, ask)).answer()
