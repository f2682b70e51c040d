"""The area `suppression`: the gate, and all services that read or change the suppression list."""

from dataclasses import dataclass
from datetime import timedelta

from app.domain.suppression.mass_bounces import BurstLimit
from app.services.suppression.browse import Browse
from app.services.suppression.explanation.explain import Explain
from app.services.suppression.files.export_list import ExportList
from app.services.suppression.files.import_list import ImportList
from app.services.suppression.gate import Gate
from app.services.suppression.resolve import Naming
from app.services.suppression.review_bounces import Reviews
from app.services.suppression.suppress import Suppress
from app.services.suppression.undo_removal import Undo
from app.services.suppression.unsubscribe import Unsubscribe
from app.services.suppression.unsuppress import Unsuppress
from app.wiring.foundation import Ground
from config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionServices:
    """What this area offers."""

    gate: Gate
    browse: Browse
    suppress: Suppress
    unsuppress: Unsuppress
    undo: Undo
    reviews: Reviews
    unsubscribe: Unsubscribe
    explain: Explain
    import_list: ImportList
    export_list: ExportList


def build_suppression(settings: Settings, ground: Ground) -> SuppressionServices:
    """The services of the suppression list."""
    database, writer, naming = ground.database, ground.list_writer, Naming(ground.pseudonyms)
    return SuppressionServices(
        gate=Gate(database=database, positives=ground.positives, pseudonyms=ground.pseudonyms),
        browse=Browse(database=database),
        suppress=Suppress(database=database, writer=writer, naming=naming),
        unsuppress=Unsuppress(
            database=database, writer=writer, naming=naming, account=ground.account, bells=ground.bells
        ),
        undo=Undo(database=database, writer=writer, naming=naming),
        reviews=Reviews(
            database=database, writer=writer, burst_limit=_burst_limit(settings), cause_of=ground.bounces.cause_of
        ),
        unsubscribe=Unsubscribe(database=database, writer=writer, links=ground.links),
        explain=Explain(
            database=database, pseudonyms=ground.pseudonyms, account=ground.account, bounces=ground.bounces
        ),
        import_list=ImportList(
            database=database,
            writer=writer,
            pseudonyms=ground.pseudonyms,
            exempt_mailbox_simulator=settings.exempt_mailbox_simulator,
        ),
        export_list=ExportList(database=database),
    )


def _burst_limit(settings: Settings) -> BurstLimit:
    return BurstLimit(limit=settings.review_bounces, window=timedelta(minutes=settings.review_minutes))
